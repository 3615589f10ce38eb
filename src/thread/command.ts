import type { Decider } from './event.ts'
import type { Json, JsonObject } from './json.ts'
import type { MessageInput } from './message.ts'
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
  mode: 'foreground' | 'queue'
  agent_id?: string
  queue?: QueuePolicy
  delivery?: Delivery
  parent_run_id?: string
  retry_of?: string
  transport_request_id?: string
  metadata?: JsonObject
  overrides?: RunOverrides
}
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
/** Starts the thread's workflow if it is not running, and nothing else: used after a loss of the engine's data. */
export type WakeCommand = CommandBase & { type: 'wake' }

/** What people and programs send. */
export type Command = SubmitCommand | InterruptCommand | CancelCommand | DecisionCommand | WakeCommand
export type CommandType = Command['type']
export const COMMAND_TYPES: readonly CommandType[] = ['submit', 'interrupt', 'cancel', 'decision', 'wake']

/**
 * What comes with a decision and is not part of the state. `now` in ms. `seed` is unique to the command and, like
 * `id_time`, the same when the same delivery is processed again: the ids that a caller was told must stay true even
 * if the task that told them is lost and done again at another time. `delivery_id` names the delivery (an update's
 * id, a signal's number) and stands in for a command id where there is none.
 */
export type Context = { now: number; seed: string; id_time: number; delivery_id?: string }
