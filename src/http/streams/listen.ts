import type { HttpContext } from '../options.ts'
import { openInbox, type Inbox } from './inbox.ts'

/**
 * Listens to a thread on behalf of a request, until it is closed, the caller goes or the service closes. Open it
 * before looking anything up, so that nothing falls between.
 */
export function listen(context: HttpContext, thread_id: string, gone: AbortSignal): Inbox {
  const { bus, tenant, heads, turns, closing } = context
  const signal = AbortSignal.any([gone, closing])
  const inbox = openInbox(bus, tenant, thread_id, signal, turns)
  const unwatch = heads.watch({ tenant, thread_id }, inbox)
  signal.addEventListener('abort', unwatch, { once: true })
  return {
    ...inbox,
    close() {
      unwatch()
      inbox.close()
    },
  }
}

/** Throws `too_many_streams`. Before anything is done for a stream's sake, so that nothing is done for one too many. */
export function checkStreams({ place }: HttpContext): void {
  place.take()
}
