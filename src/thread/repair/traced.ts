import type { EventKind, ThreadEvent } from '../event.ts'
import { jsonSize } from '../json.ts'

/**
 * Facts that leave no row when they are past: who decided what, what an editor changed, what was refused. Should the
 * log lose them nothing else could tell, so the store keeps each a second time, as the thread gave it.
 */
const TRACED: ReadonlySet<EventKind> = new Set([
  ...(['PendingDelivered', 'PendingEdited', 'PendingRetracted', 'PendingReordered', 'PendingHeld', 'PendingReleased'] as const),
  ...(['PendingUndelivered', 'QueueParked', 'QueueResumed', 'RunRescheduled', 'ToolPermissionExpired'] as const),
  ...([
    'MailboxDecisionReceived',
    'MailboxTimeout',
    'MailboxResumeFailed',
    'CommandRejected',
    'ThreadUpdated',
    'ThreadForked',
  ] as const),
])
/** Of a larger one only is kept that it was there. */
const MAX_TRACE_BYTES = 16_384
/** The content of a delivery stands in the queue, then in the conversation: only a short one is kept here as well. */
const MAX_CONTENT_BYTES = 1_024

/** An event that is kept a second time. `cut`: without its content (of a delivery), or with next to nothing (of others). */
export type Trace = ThreadEvent & { cut?: true }

/** The rows of `weft.traces` that stored events leave. */
export function tracedEvents(events: readonly ThreadEvent[]): { seq: number; event: Trace }[] {
  return events.flatMap((event, index) =>
    TRACED.has(event.kind) || isLaterTicket(event, events[index - 1]) ? [{ seq: event.seq, event: traceOf(event) }] : [],
  )
}

/** The ticket that comes with a call follows from the message which asked for the call; any later one does not. */
function isLaterTicket(event: ThreadEvent, before: ThreadEvent | undefined): boolean {
  if (event.kind !== 'ToolPermissionRequested') return false
  return before?.kind !== 'ToolCallReady' || before.payload.tool_call_id !== event.payload.ticket.tool_call_id
}

function traceOf(event: ThreadEvent): Trace {
  const { refs: _refs, ...whole } = event
  let kept: object = whole
  if (event.kind === 'PendingDelivered' && jsonSize(event.payload.content) > MAX_CONTENT_BYTES) {
    const { content: _content, ...payload } = event.payload
    kept = { ...whole, payload, cut: true }
  }
  if (jsonSize(kept) <= MAX_TRACE_BYTES) return kept as Trace
  const payload = 'pending_id' in event.payload ? { pending_id: event.payload.pending_id } : {}
  return { ...whole, payload, cut: true } as unknown as Trace
}
