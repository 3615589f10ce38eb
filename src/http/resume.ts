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

/** Throws `cursor_expired` for a cursor that is ahead of the log, as it is after the store was set back. */
export async function checkReach(context: HttpContext, thread_id: string, seq: number): Promise<void> {
  const { last_seq } = await context.store.conversation.listEvents(context.tenant, { thread_id, after_seq: seq, limit: 1 })
  if (seq > last_seq)
    throw new HttpProblem('cursor_expired', 'The log does not reach this cursor any more; start again without one.')
}
