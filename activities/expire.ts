import { Context } from '@temporalio/activity'
import type { ExpiryQuery } from '../src/store/store.ts'
import type { ReconcilePage } from '../src/thread/repair/ports.ts'
import type { ActivityDeps } from './deps.ts'

const THREADS = 50
/** No thread's id begins so. */
const MARK = '~'

/** Where the walk over expired threads is: first those with a time of their own, then the others. */
type Place = { whose: 'own' | 'all'; at: number; id: string }

export function isExpiryToken(token: string): boolean {
  return token === '' || token.startsWith(MARK)
}

/**
 * Deletes one page of the threads whose time is up. `next`: null after the last. One whose workflow has not closed is
 * left to the next time, since it may know what the store does not; its workflow closes when it has been idle.
 */
export async function expirePage(
  deps: ActivityDeps,
  { tenant, after }: { tenant: string; after: string },
): Promise<ReconcilePage> {
  let place: Place | null = after === '' ? { whose: 'own', at: -1, id: '' } : parsed(after)
  let expired = 0
  const now = Date.now()
  while (place !== null) {
    const query = queryOf(deps, place, now)
    const page = query === null ? [] : await deps.store.threads.listExpired(tenant, query)
    for (const thread of page) {
      Context.current().heartbeat()
      try {
        if (await deps.threads?.isRunning({ tenant, thread_id: thread.id })) continue
        if (await deps.store.threads.expire(tenant, thread)) expired += 1
      } catch (error) {
        // The next time begins with it again; it must not keep the others, and what else is too old.
        deps.logger.warn({ err: error, tenant, thread_id: thread.id }, 'a thread whose time is up could not be deleted')
      }
    }
    const last = page.at(-1)
    const full = page.length === THREADS && last !== undefined
    place = full
      ? { whose: place.whose, at: last.at, id: last.id }
      : place.whose === 'own'
        ? { whose: 'all', at: -1, id: '' }
        : null
    if (full) break
  }
  const next = place === null ? null : `${MARK}${place.whose}/${String(place.at)}/${place.id}`
  return { next, threads_seen: 0, mended: {}, dropped: { expired_threads: expired } }
}

function queryOf({ thread_ttl_ms }: ActivityDeps, { whose, at, id }: Place, now: number): ExpiryQuery | null {
  const page = { now, limit: THREADS, after: { at, id } }
  if (whose === 'own') return { ...page, whose: 'own' }
  return thread_ttl_ms == null ? null : { ...page, whose: { ttl_ms: thread_ttl_ms } }
}

function parsed(token: string): Place {
  const [whose, at, id = ''] = token.slice(MARK.length).split('/')
  return { whose: whose === 'own' ? 'own' : 'all', at: Number(at), id }
}
