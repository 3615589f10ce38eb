import type { ThreadEvent } from '../event.ts'
import type { Clue } from './clue.ts'
import type { ThreadFacts } from './facts.ts'
import type { Trace } from './traced.ts'

/** Events that the store keeps a second time. A long content that was delivered is the queue's or the conversation's. */
export function* tracedClues(facts: ThreadFacts): Generator<[number, Clue]> {
  for (const trace of facts.traces) {
    const { cut, ...whole } = trace
    const event = cut === true ? withContent(trace, facts) : (whole as ThreadEvent)
    yield [trace.seq, { kind: trace.kind, derive: () => (event === null ? null : { event, lost: [] }) }]
  }
}

function withContent({ cut: _cut, ...event }: Trace, { traces, pending, queue, messages }: ThreadFacts): ThreadEvent | null {
  if (event.kind !== 'PendingDelivered' || !('delivery' in event.payload)) return null
  const { pending_id } = event.payload as { pending_id: string }
  const isEdit = (one: Trace): boolean =>
    one.kind === 'PendingEdited' &&
    one.payload.pending_id === pending_id &&
    (one.cut === true || one.payload.content !== undefined)
  const waits = queue.find((entry) => entry.pending_id === pending_id)
  const row = pending.find((one) => one.pending_id === pending_id) ?? messages.find(({ message_id }) => message_id === pending_id)
  if (row === undefined || traces.some(isEdit) || (waits?.revision ?? 1) > 1) return null
  return { ...event, payload: { ...event.payload, content: row.content } } as ThreadEvent
}
