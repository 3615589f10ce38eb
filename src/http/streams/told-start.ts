import { randomUUID } from 'node:crypto'
import type { Sent, Submitted } from '../commands.ts'
import type { HttpContext } from '../options.ts'
import { openInbox, type Inbox } from './inbox.ts'

/** A submit's run: known by the answer, whose event this is, or by the log's word. `fresh`: it is of this very request. */
export type Begun = { run_id: string; start: { from: 'submit' | 'told'; seq: number }; fresh: boolean }

/** How a submit is known in the log. */
export type Cause = {
  thread_id: string
  /** What its repeats would be known by, and the hash of its body; null for one that cannot be repeated. */
  repeat: { id: string; body_hash: string | null } | null
}

/**
 * The run of a submit, by the thread's answer or by the log's word that it has begun, whichever comes first: an event is
 * told as soon as it is stored, while the answer still has to make its way through the engine. Where the log names an id
 * that others may have sent as well, the thread's memory must say that it was this very request, be it an earlier try of
 * it: what came under the same id with another body is refused. Throws what `send` throws.
 */
export async function beginRun(
  context: HttpContext,
  { thread_id, repeat }: Cause,
  gone: AbortSignal,
  send: (delivery_id: string | undefined) => Promise<Sent<Submitted>>,
): Promise<Begun> {
  const cause = repeat?.id ?? randomUUID()
  const inbox = openInbox(context.bus, context.tenant, thread_id, gone)
  const told = async (): Promise<Begun | null> => {
    const start = await toldStart(inbox, cause)
    if (start === null || repeat === null) return start?.begun ?? null
    // It was stored with the events that have told of it.
    const ref = { tenant: context.tenant, thread_id }
    const stored = async (): Promise<string | undefined> =>
      (await context.store.engine.findCommand(ref, repeat.id).catch(() => null))?.body_hash
    return (start.body_hash ?? (await stored())) === repeat.body_hash ? start.begun : null
  }
  const answered = send(repeat === null ? cause : undefined).then(begunByAnswer)
  try {
    return await Promise.race([answered, told().then((begun) => begun ?? answered)])
  } finally {
    inbox.close()
  }
}

export function begunByAnswer({ outcome, event_seq, replayed }: Sent<Submitted>): Begun {
  return { run_id: outcome.run_id, start: { from: 'submit', seq: event_seq }, fresh: !replayed }
}

/** Null if there will be no word of it here. `body_hash`: of the command that began it, where the bus has brought it. */
async function toldStart(inbox: Inbox, cause: string): Promise<{ begun: Begun; body_hash: string | undefined } | null> {
  let queued: { run_id: string | null; seq: number } | null = null
  for (;;) {
    const frame = await inbox.take()
    if (frame === 'closed' || frame === 'lost') return null
    if (frame === 'idle' || frame.type !== 'events') continue
    for (const event of frame.events ?? []) {
      if (event.causation_id !== cause) continue
      if (event.kind === 'RunQueued') queued = { run_id: event.run_id, seq: event.event_seq }
      if (event.kind !== 'RunStarted') continue
      // What was too large for the bus is in the log alone, and a stream must begin with all of its run.
      if (queued === null || event.run_id === null || queued.run_id !== event.run_id) return null
      const begun: Begun = { run_id: event.run_id, start: { from: 'told', seq: queued.seq }, fresh: true }
      return { begun, body_hash: frame.commands?.get(cause) }
    }
  }
}
