import type { EventKind } from '../thread/event.ts'

/** What must hold between the fields of one event, beyond their types: one sentence for each that does not. */

type Shown = { run_id: string | null; thread_id: string; idempotency_key: string; scopes: { type: string; id: string }[] }
type Ranges = { [K in EventKind]?: (payload: never) => (string | false)[] }
type Ended = { status: string; termination: { type: string } }

/** Kinds that belong to a thread, and to no run. */
const THREAD_ONLY: ReadonlySet<EventKind> = new Set(['PendingReordered', 'QueueParked', 'QueueResumed', 'ThreadForked'])
/** Kinds that belong to a run only where there is one: a message that is for none yet, say. */
const EITHER: ReadonlySet<EventKind> = new Set([
  'PendingDelivered',
  'PendingEdited',
  'PendingRetracted',
  'PendingUndelivered',
  'PendingHeld',
  'PendingReleased',
  'CommandRejected',
  'ThreadUpdated',
])
/** Whether events of this kind belong to a run beside their thread. */
export function scopeOf(kind: EventKind): 'thread' | 'run' | 'either' {
  if (THREAD_ONLY.has(kind)) return 'thread'
  return EITHER.has(kind) ? 'either' : 'run'
}

const END_OF: Readonly<Record<string, string>> = { cancelled: 'cancelled', coalesced: 'superseded', superseded: 'superseded' }

const RANGES = {
  ThreadMessagesCheckpointed: (of: {
    message_seq_start: number
    message_seq_end: number
    message_count: number
    message_ids: string[]
  }) => [
    of.message_seq_start > of.message_seq_end && 'message_seq_start is behind message_seq_end',
    of.message_count !== of.message_ids.length && 'message_count is not the number of message_ids',
    of.message_count !== of.message_seq_end - of.message_seq_start + 1 && 'the numbers have a gap, or the ids have',
    new Set(of.message_ids).size !== of.message_ids.length && 'a message is named twice',
    of.message_ids.some((id) => id.trim() === '') && 'a message has no id',
  ],
  MessageCommitted: (of: {
    message_seq: number
    parent_message_id: string | null
    message_id: string
    step: number | null
    read_by_step?: number
  }) => [
    (of.message_seq === 1) !== (of.parent_message_id === null) && 'the first message, and no other, has no parent',
    of.parent_message_id === of.message_id && 'a message cannot be its own parent',
    of.step !== null && of.read_by_step !== undefined && 'only a run’s input is read by a step',
  ],
  RunQueued: (of: { status: string; attempt_count: number; max_attempts: number }) => [
    of.status !== 'queued' && 'the dispatch is not queued',
    of.attempt_count > of.max_attempts && 'more attempts than there may be',
  ],
  RunStarted: (of: { status: string }) => [of.status !== 'claimed' && 'the dispatch is not claimed'],
  RunErrored: (of: Ended) => [
    of.status !== 'dead_letter' && 'the dispatch is not a dead letter',
    of.termination.type !== 'error' && 'the termination is no error',
  ],
  RunFinished: (of: Ended) => [
    of.status !== (END_OF[of.termination.type] ?? 'acked') && 'the dispatch does not fit the termination',
    of.termination.type === 'error' && 'an error is RunErrored',
  ],
  RunWaiting: (of: { tickets: { ticket_id: string }[] }) => [
    new Set(of.tickets.map(({ ticket_id }) => ticket_id)).size !== of.tickets.length && 'a ticket is named twice',
  ],
  PendingReordered: (of: { pending_ids: string[] }) => [
    new Set(of.pending_ids).size !== of.pending_ids.length && 'a message is named twice',
  ],
  ToolCallDone: (of: { outcome: string; result: { status: string } }) => [
    (of.outcome === 'succeeded') !== (of.result.status === 'success') && 'outcome and result differ',
  ],
  ThreadForked: (of: { at_message_seq: number; message_count: number }) => [
    of.message_count !== of.at_message_seq && 'the history has a gap',
  ],
  ThreadUpdated: (of: { allowed_tools?: string[]; state_patch?: object }) => [
    of.allowed_tools === undefined && of.state_patch === undefined && 'nothing is updated',
  ],
} satisfies Ranges

/** What is wrong with an event whose fields have the right types. */
export function outOfRange(kind: EventKind, event: Shown, payload: { thread_id: string; run_id: string | null }): string[] {
  const scopes = [{ type: 'thread', id: event.thread_id }, ...(event.run_id === null ? [] : [{ type: 'run', id: event.run_id }])]
  const check = (RANGES as Ranges)[kind]
  const found = [
    event.run_id !== null && THREAD_ONLY.has(kind) && 'it belongs to no run',
    event.run_id === null && !THREAD_ONLY.has(kind) && !EITHER.has(kind) && 'it belongs to a run',
    JSON.stringify(event.scopes.map(({ type, id }) => ({ type, id }))) !== JSON.stringify(scopes) &&
      'the scopes are not those of its thread and run',
    (payload.thread_id !== event.thread_id || payload.run_id !== event.run_id) && 'payload and envelope name different streams',
    !event.idempotency_key.startsWith(`${kind}/`) && 'the idempotency key is another kind’s',
    ...(check === undefined ? [] : check(payload as never)),
  ]
  return found.filter((one) => one !== false)
}
