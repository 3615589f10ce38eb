import type { Store } from '../../src/store/store.ts'
import type { EventKind, EventOf, PayloadRef, Payloads, ThreadEvent } from '../../src/thread/event.ts'
import type { Content } from '../../src/thread/message.ts'
import type { PersistBatch, ThreadRef } from '../../src/thread/ports.ts'
import type { DispatchRecord, RunRecord, Ticket } from '../../src/thread/records.ts'
import type { LedgerEntry, PendingEntry, Snapshot } from '../../src/thread/state.ts'

let count = 0
/** A thread that no other test knows; a tenant of its own where totals matter. */
export function freshRef(tenant = 'acme'): ThreadRef {
  return { tenant, thread_id: `thread-${process.pid}-${++count}` }
}

export function event<K extends EventKind>(
  seq: number,
  kind: K,
  payload: Payloads[K],
  refs?: PayloadRef[],
  run_id: string | null = 'run-1',
): ThreadEvent {
  const made: EventOf<K> = { seq, at: 1_000 + seq, kind, run_id, payload, ...(refs ? { refs } : {}) }
  return made as ThreadEvent
}

export function committed(
  seq: number,
  message_seq: number,
  content: Content = `message ${message_seq}`,
  refs?: PayloadRef[],
): ThreadEvent {
  return event(
    seq,
    'MessageCommitted',
    {
      message_id: `m-${message_seq}`,
      message_seq,
      role: message_seq % 2 ? 'user' : 'assistant',
      content,
      visibility: 'external',
      parent_message_id: null,
      step: null,
    },
    refs,
  )
}

export const delivery = { boundary: 'new_run', granularity: 'batch', barrier: false, fallback_to_new_run: true } as const

export function delivered(seq: number, pending_id: string, content: Content, for_run_id: string | null = null): ThreadEvent {
  return event(seq, 'PendingDelivered', {
    pending_id,
    role: 'user',
    content,
    visibility: 'external',
    delivery,
    agent_id: 'default',
    overrides_key: null,
    for_run_id,
  })
}

/** Without content: an event that changes something else about the message. */
export function edited(seq: number, pending_id: string, content?: Content): ThreadEvent {
  return event(seq, 'PendingEdited', {
    pending_id,
    revision: 2,
    reason: content === undefined ? 'target_ended' : 'edited',
    ...(content === undefined ? { delivery } : { content }),
    edited_by: null,
  })
}

/** A call opens a ticket. */
export function asked(seq: number, tool_call_id: string, over: Partial<Ticket> = {}, refs?: PayloadRef[]): ThreadEvent {
  const ticket: Ticket = {
    ticket_id: `ticket-${tool_call_id}`,
    tool_call_id,
    tool_name: 't',
    arguments: { of: tool_call_id },
    reason: 'tool_permission',
    created_at: 1_000 + seq,
    ...over,
  }
  return event(seq, 'ToolPermissionRequested', { step: 1, ticket }, refs)
}

/** A message leaves the queue for the conversation. */
export function consumed(seq: number, message_seq: number, message_id: string, run_id: string, read_by_step = 1): ThreadEvent {
  return event(
    seq,
    'MessageCommitted',
    {
      message_id,
      message_seq,
      role: 'user',
      content: '',
      visibility: 'external',
      parent_message_id: null,
      step: null,
      read_by_step,
    },
    [{ at: ['content'], ref: { from: 'pending', pending_id: message_id } }],
    run_id,
  )
}

export function entry(pending_id: string, over: Partial<PendingEntry> = {}): PendingEntry {
  return {
    pending_id,
    role: 'user',
    visibility: 'external',
    delivery,
    revision: 1,
    agent_id: 'default',
    overrides_key: null,
    for_run_id: null,
    created_at: 1,
    ...over,
  }
}

export function parked(seq: number, pending_count = 0): ThreadEvent {
  return event(seq, 'QueueParked', { pending_count }, undefined, null)
}

export function run(
  ref: ThreadRef,
  run_id: string,
  over: Partial<RunRecord> = {},
): { record: RunRecord; dispatch: DispatchRecord; final_output_ref: null } {
  const record: RunRecord = {
    run_id,
    thread_id: ref.thread_id,
    agent_id: 'default',
    agent_version: null,
    parent_run_id: null,
    retry_of: null,
    dispatch_id: `dispatch-of-${run_id}`,
    status: 'running',
    termination: null,
    waiting: null,
    input: { trigger_message_ids: [], message_seq_from: null, message_seq_to: null },
    output: { message_ids: [] },
    final_output: null,
    error: null,
    steps: 0,
    usage: { input_tokens: 0, output_tokens: 0 },
    metadata: null,
    overrides: null,
    transport_request_id: null,
    created_at: 1_000,
    started_at: null,
    finished_at: null,
    updated_at: 1_000,
    ...over,
  }
  const dispatch: DispatchRecord = {
    dispatch_id: record.dispatch_id,
    thread_id: ref.thread_id,
    run_id,
    status: record.status === 'done' ? 'acked' : 'claimed',
    dispatch_epoch: 1,
    attempt_count: 1,
    max_attempts: 5,
    available_at: record.created_at,
    claimed_by: null,
    last_error: null,
    created_at: record.created_at,
    updated_at: record.updated_at,
    completed_at: null,
  }
  return { record, dispatch, final_output_ref: null }
}

export function ledgerEntry(command_id: string, at = Date.now()): LedgerEntry {
  return { command_id, body_hash: `hash of ${command_id}`, at, reply: { ok: true, outcome: { run_id: 'run-1' }, event_seq: 1 } }
}

export function batch(ref: ThreadRef, epoch: number, events: ThreadEvent[], over: Partial<PersistBatch> = {}): PersistBatch {
  const last_seq = events.at(-1)?.seq ?? 0
  return {
    ...ref,
    epoch,
    events,
    last_seq,
    runs: [],
    queue: null,
    ledger: [],
    summary: { status: 'idle', agent_id: 'default', active_run_id: null, message_count: 0, queue_revision: 0 },
    snapshot: { version: 1, event_seq: last_seq, queue: over.queue ?? [], runs: {} } as unknown as Snapshot,
    ...over,
  }
}

export async function loadEpoch(store: Store, ref: ThreadRef): Promise<number> {
  const loaded = await store.engine.load(ref)
  if (loaded.status !== 'loaded') throw new Error(`The thread is ${loaded.status}.`)
  return loaded.epoch
}
