import { cursorTime } from './cursors.ts'
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
 * Throws `cursor_expired` for a cursor behind which events have been dropped, being too old, and for one of numbers that
 * the log does not have, or has given to others, as it is after the store was set back.
 */
export async function checkReach(context: HttpContext, thread_id: string, seq: number, cursor?: string): Promise<void> {
  const query = { thread_id, after_seq: Math.max(0, seq - 1), limit: 1 }
  const { events, last_seq, kept_from } = await context.store.conversation.listEvents(context.tenant, query)
  const at = cursorTime(cursor)
  const [found] = events
  const replaced = at !== undefined && found?.event_seq === seq && found.occurred_at !== at
  if (seq > last_seq || replaced)
    throw new HttpProblem('cursor_expired', 'The log is not the one of this cursor any more; start again without one.')
  if (seq < kept_from - 1)
    throw new HttpProblem('cursor_expired', 'Events after this cursor were dropped for their age; start again without one.', {
      kept_from,
    })
}
