import type { Json, JsonObject } from './json.ts'
import type { Content, Role, Visibility } from './message.ts'
import type { Delivery } from './pending.ts'
import type { DispatchStatus, RunLimits, RunOverrides, Termination, Ticket, Usage, WaitingReason } from './records.ts'

/**
 * The thread's canonical events: one immutable, numbered fact each. Folding `evolve` over them gives the state
 * again, so whatever the core must remember stands in a payload.
 */

/** Where a value that never travels through Temporal is found when the event is stored. */
export type ValueRef =
  /** Output of an activity, staged under run, step and attempt; `part` is `message`, `text`, `args:<call>` or `result:<call>`. */
  | { from: 'staged'; run_id: string; step: number; attempt: number; part: string; optional?: boolean }
  /** Content of a pending message, by its id. */
  | { from: 'pending'; pending_id: string }
  /** A value inside an earlier event of the same thread. */
  | { from: 'event'; seq: number; path: string[] }
/** `at`: path inside the payload; array positions as decimal text. */
export type PayloadRef = { at: string[]; ref: ValueRef }

/** What each scheduling event says of its dispatch (source: seed 004). Times in ms. */
export type DispatchFacts = {
  dispatch_id: string
  dispatch_epoch: number
  attempt_count: number
  status: DispatchStatus
  available_at: number
  created_at: number
  updated_at: number
}
export type Disposition = 'run' | 'approve' | 'external' | 'reject'
export type Decider = { id?: string; name?: string }
export type DeliveryPath = 'live' | 'durable'

export type Payloads = {
  RunQueued: DispatchFacts & {
    agent_id: string
    max_attempts: number
    parent_run_id: string | null
    retry_of: string | null
    transport_request_id: string | null
    metadata: JsonObject | null
    overrides: RunOverrides | null
  }
  RunStarted: DispatchFacts & { agent_id: string }
  RunResumed: DispatchFacts & { reason: 'decision' | 'input' | 'expiry' }
  RunWaiting: { dispatch_id: string; reason: WaitingReason; tickets: Ticket[] }
  RunInterrupted: DispatchFacts & { reason: string; stop_at: number; termination: Termination }
  RunRescheduled: DispatchFacts & {
    reason: string
    step: number
    attempt: number
    code: string | null
    error: string | null
    tool_call_id?: string
    /** The worker whose attempt failed, where it is known. */
    worker?: string
  }
  RunErrored: DispatchFacts & { code: string; error: string; termination: Termination; worker?: string }
  RunFinished: DispatchFacts & { termination: Termination; final_output: string | null; steps: number; usage: Usage }
  MessageCommitted: {
    message_id: string
    message_seq: number
    role: Role
    content: Content
    visibility: Visibility
    parent_message_id: string | null
    step: number | null
    /** Of a run's input: the step whose model call is the first to read it. */
    read_by_step?: number
    interrupted?: boolean
    metadata?: JsonObject
  }
  ThreadMessagesCheckpointed: { message_seq_start: number; message_seq_end: number; message_count: number; message_ids: string[] }
  PendingDelivered: {
    pending_id: string
    role: Role
    content: Content
    visibility: Visibility
    metadata?: JsonObject
    delivery: Delivery
    agent_id: string
    overrides_key: string | null
    overrides?: RunOverrides
    for_run_id: string | null
  }
  PendingUndelivered: { pending_id: string; reason: string }
  /**
   * `edited`: a person's or program's new wording, with what it replaced given in full. `target_ended`: the run it was
   * meant for has ended, and it now waits for the next one; its revision stays.
   */
  PendingEdited: {
    pending_id: string
    revision: number
    reason: 'edited' | 'target_ended'
    role?: Role
    content?: Content
    visibility?: Visibility
    metadata?: JsonObject
    delivery?: Delivery
    edited_by: Decider | null
  }
  PendingRetracted: { pending_id: string; revision: number; retracted_by: Decider | null }
  /** The whole queue in its new order. */
  PendingReordered: { pending_ids: string[]; reordered_by: Decider | null }
  PendingHeld: { pending_id: string; expires_at: number; held_by: Decider | null }
  PendingReleased: { pending_id: string; reason: 'released' | 'expired'; released_by: Decider | null }
  QueueParked: { pending_count: number }
  QueueResumed: { pending_count: number }
  ToolCallReady: {
    step: number
    model_attempt: number
    tool_call_id: string
    tool_name: string
    arguments: Json
    disposition: Disposition
    repeatable: boolean
    expires_in_ms: number | null
    timeout_ms: number | null
  }
  ToolCallDone: {
    step: number
    tool_call_id: string
    tool_name: string
    message_id: string
    outcome: 'succeeded' | 'failed'
    result: { tool_name: string; status: 'success' | 'error'; data: Json; message?: string }
  }
  ToolCallCancelled: { step: number; tool_call_id: string; tool_name: string; message_id: string; reason: string }
  ToolPermissionRequested: { step: number; ticket: Ticket }
  ToolPermissionResolved: {
    step: number
    ticket_id: string
    tool_call_id: string
    dispatch_id: string
    decision_id: string
    action: 'resume' | 'cancel'
    approved: boolean
    answered: boolean
    edited_args_seq: number | null
    remember: boolean
    reason: string | null
    decided_by: Decider | null
    delivery_path: DeliveryPath
    resume_updated_at: number
  }
  ToolPermissionExpired: { step: number; ticket_id: string; tool_call_id: string }
  InferenceCompleted: {
    step: number
    attempt: number
    model: string
    usage: Usage
    duration_ms: number
    finish_reason: string
    agent_version: string
    limits: RunLimits
    worker?: string
    interrupted?: boolean
  }
  MailboxDecisionReceived: {
    dispatch_id: string
    ticket_id: string
    tool_call_id: string
    decision_id: string
    action: 'resume' | 'cancel'
    result: Json
    reason: string | null
    decided_by: Decider | null
    delivery_path: DeliveryPath
    origin: string
    resume_updated_at: number
  }
  MailboxTimeout: DispatchFacts & { reason: string; timeout_ms: number }
  MailboxSubmitFailed: DispatchFacts & { reason: string; error: string }
  MailboxResumeFailed: DispatchFacts & { reason: string; error: string; tool_call_id: string }
  CommandRejected: {
    command: string
    command_id: string | null
    code: string
    message: string
    /** The facts that an update's caller would have got with the refusal. */
    detail?: JsonObject
    origin: string
  }
  /** `state_patch`: merged key by key into the thread's shared state; null removes a key. */
  ThreadUpdated: { reason: 'remembered_approval' | 'state_patched'; allowed_tools?: string[]; state_patch?: JsonObject }
  /**
   * The first event of a thread that goes on from another's messages 1 to `at_message_seq`. `agent_id`: that of the
   * run which that message belongs to; `state`: the shared state as of then, empty where the log that held it is gone.
   */
  ThreadForked: {
    parent_thread_id: string
    at_message_seq: number
    message_count: number
    last_message_id: string
    agent_id: string | null
    state: JsonObject
  }
}
export type EventKind = keyof Payloads

/** One event before it is stored. `at` in ms; `seq` counts from 1 without gaps in its thread. */
export type EventOf<K extends EventKind> = {
  seq: number
  at: number
  kind: K
  run_id: string | null
  payload: Payloads[K]
  refs?: PayloadRef[]
  /** The command that led to it, where there was one with an id. */
  caused_by?: string
}
export type ThreadEvent = { [K in EventKind]: EventOf<K> }[EventKind]
/** An event that has no number and time yet. */
export type EventDraft = {
  [K in EventKind]: { kind: K; run_id: string | null; payload: Payloads[K]; refs?: PayloadRef[] }
}[EventKind]
