import { randomUUID } from 'node:crypto'
import type { Sent, Submitted } from '../commands.ts'
import type { HttpContext } from '../options.ts'
import { openInbox, type Inbox } from './inbox.ts'

/** A submit's run: known by the answer, whose event this is, or by the log's word. `fresh`: it is of this very request. */
export type Begun = { run_id: string; start: { from: 'submit' | 'told'; seq: number }; fresh: boolean }

/**
 * The run of a submit, by the thread's answer or by the log's word that it has begun, whichever comes first: an event is
 * told as soon as it is stored, while the answer still has to make its way through the engine. Not for a submit that
 * can be repeated, whose answer may be that of an earlier request. Throws what `send` throws.
 */
export async function beginRun(
  context: HttpContext,
  { thread_id, gone }: { thread_id: string; gone: AbortSignal },
  send: (delivery_id: string) => Promise<Sent<Submitted>>,
): Promise<Begun> {
  const delivery_id = randomUUID()
  const inbox = openInbox(context.bus, context.tenant, thread_id, gone)
  const answered = send(delivery_id).then(begunByAnswer)
  try {
    return await Promise.race([answered, toldStart(inbox, delivery_id).then((begun) => begun ?? answered)])
  } finally {
    inbox.close()
  }
}

export function begunByAnswer({ outcome, event_seq, replayed }: Sent<Submitted>): Begun {
  return { run_id: outcome.run_id, start: { from: 'submit', seq: event_seq }, fresh: !replayed }
}

/** Null if there will be no word of it here. */
async function toldStart(inbox: Inbox, delivery_id: string): Promise<Begun | null> {
  let queued: { run_id: string | null; seq: number } | null = null
  for (;;) {
    const frame = await inbox.take()
    if (frame === 'closed' || frame === 'lost') return null
    if (frame === 'idle' || frame.type !== 'events') continue
    for (const event of frame.events ?? []) {
      if (event.causation_id !== delivery_id) continue
      if (event.kind === 'RunQueued') queued = { run_id: event.run_id, seq: event.event_seq }
      if (event.kind !== 'RunStarted') continue
      // What was too large for the bus is in the log alone, and a stream must begin with all of its run.
      if (queued === null || event.run_id === null || queued.run_id !== event.run_id) return null
      return { run_id: event.run_id, start: { from: 'told', seq: queued.seq }, fresh: true }
    }
  }
}
