import type { HttpContext } from './options.ts'
import { HttpProblem } from './problems.ts'

/** Where a reader wants to go on: a browser's Last-Event-ID tells more than the address it began with. */
export function resumeCursor(
  cursor: string | undefined,
  headers: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const last = headers['last-event-id']
  return last === undefined || last === '' ? cursor : last
}

/**
 * Throws `cursor_expired` for a cursor that is ahead of the log, as it is after the store was set back, and for one
 * behind which events have been dropped, being too old.
 */
export async function checkReach(context: HttpContext, thread_id: string, seq: number): Promise<void> {
  const log = await context.store.conversation.listEvents(context.tenant, { thread_id, after_seq: seq, limit: 1 })
  if (seq > log.last_seq || seq < log.kept_from - 1)
    throw new HttpProblem('cursor_expired', 'The log does not reach this cursor any more; start again without one.')
}
