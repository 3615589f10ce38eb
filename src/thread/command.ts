import type { Decider } from './event.ts'
import type { Json, JsonObject } from './json.ts'
import type { InputPart, MessageInput, Role, Visibility } from './message.ts'
import type { Delivery } from './pending.ts'
import type { RunOverrides } from './records.ts'

/** Fields that any command may carry. `origin`: `http`, `signal`, `update` or a protocol's name. */
export type CommandBase = {
  command_id?: string
  origin?: string
  by?: Decider
  /** When it was sent, in ms: the time that the ids of what it creates carry. */
  sent_at?: number
}
export type QueuePolicy = 'keep' | 'supersede' | 'park'

export type SubmitCommand = CommandBase & {
  type: 'submit'
  messages: MessageInput[]
  mode: SubmitMode
  agent_id?: string
  /** Whom a steer is meant for: it goes to this run if it is open, else to the thread. */
  run_id?: string
  /** One message with an id of its own; its run is `durable-msg-<message id>`, so a repeat is the same run. */
  durable?: boolean
  queue?: QueuePolicy
  delivery?: Delivery
  parent_run_id?: string
  retry_of?: string
  transport_request_id?: string
  metadata?: JsonObject
  overrides?: RunOverrides
}
/** `live_then_queue` is also called `steer`. `internal_wake`: messages that nobody wrote, read by a run of their own. */
export type SubmitMode = 'foreground' | 'queue' | 'live_then_queue' | 'interrupt_then_queue' | 'resume_open_run' | 'internal_wake'
export const SUBMIT_MODES: readonly [SubmitMode, ...SubmitMode[]] = [
  'foreground',
  'queue',
  'live_then_queue',
  'interrupt_then_queue',
  'resume_open_run',
  'internal_wake',
]
export type InterruptCommand = CommandBase & { type: 'interrupt'; mode: 'graceful'; queue: QueuePolicy }
/** `run_id`: a run's, a dispatch's or the thread's own id; absent: the open run. */
export type CancelCommand = CommandBase & { type: 'cancel'; run_id?: string }
export type DecisionCommand = CommandBase & {
  type: 'decision'
  tool_call_id?: string
  ticket_id?: string
  action: 'resume' | 'cancel'
  payload?: Json
  reason?: string
  decision_id?: string
}
/** The revision that the caller has seen, or several of which one must be the present one, or whichever it is. */
export type Expected = number | readonly number[] | 'any'
/** What is not given stays as it was. */
export type MessageEdit = { role?: Role; content: string | InputPart[]; visibility?: Visibility; metadata?: JsonObject }
/** `expected_revision`: that of the entry as the caller saw it; an edit without it is refused. */
export type EditPendingCommand = CommandBase & {
  type: 'edit_pending'
  pending_id: string
  message: MessageEdit
  expected_revision?: Expected
}
export type RetractPendingCommand = CommandBase & { type: 'retract_pending'; pending_id: string; expected_revision?: Expected }
/** `pending_ids`: all of the queue, each once. */
export type ReorderPendingCommand = CommandBase & {
  type: 'reorder_pending'
  pending_ids: string[]
  expected_queue_revision?: Expected
}
export type HoldPendingCommand = CommandBase & { type: 'hold_pending'; pending_id: string; ttl_ms: number }
export type ReleasePendingCommand = CommandBase & { type: 'release_pending'; pending_id: string }
export type ResumeQueueCommand = CommandBase & { type: 'resume_queue' }
/** Starts the thread's workflow if it is not running, and nothing else: used after a loss of the engine's data. */
export type WakeCommand = CommandBase & { type: 'wake' }

/** What people and programs send. */
export type Command =
  | SubmitCommand
  | InterruptCommand
  | ResumeQueueCommand
  | CancelCommand
  | DecisionCommand
  | EditPendingCommand
  | RetractPendingCommand
  | ReorderPendingCommand
  | HoldPendingCommand
  | ReleasePendingCommand
  | WakeCommand
export type CommandType = Command['type']
export const COMMAND_TYPES: readonly CommandType[] = [
  'submit',
  'interrupt',
  'resume_queue',
  'cancel',
  'decision',
  'edit_pending',
  'retract_pending',
  'reorder_pending',
  'hold_pending',
  'release_pending',
  'wake',
]

/**
 * What comes with a decision and is not part of the state. `now` in ms. `seed` is unique to the command and, like
 * `id_time`, the same when the same delivery is processed again: the ids that a caller was told must stay true even
 * if the task that told them is lost and done again at another time. `delivery_id` names the delivery (an update's
 * id, a signal's number) and stands in for a command id where there is none.
 */
export type Context = { now: number; seed: string; id_time: number; delivery_id?: string }
