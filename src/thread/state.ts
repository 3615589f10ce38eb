import type { Decider, Disposition, ThreadEvent } from './event.ts'
import type { JsonObject } from './json.ts'
import type { Role, Visibility } from './message.ts'
import type { Delivery } from './pending.ts'
import type { DispatchRecord, RunLimits, RunOverrides, RunRecord, Termination, Ticket } from './records.ts'
import type { Reply } from './reply.ts'

/** One entry of the queue. Its content is in the store (or still in the outbox), never here. */
export type PendingEntry = {
  /** Also the id of the message that it will become. */
  pending_id: string
  role: Role
  visibility: Visibility
  metadata?: JsonObject
  delivery: Delivery
  revision: number
  agent_id: string
  /** Tells submits apart that ask for different overrides. */
  overrides_key: string | null
  overrides?: RunOverrides
  /** The run that its submit allocated; null where it is meant for a run that is already open. */
  for_run_id: string | null
  created_at: number
  /** Set while somebody holds it back: no freeze takes it before it is released, or before this time (ms). */
  held_until?: number
}

/** One tool call of the open step. */
export type ToolCall = {
  tool_call_id: string
  tool_name: string
  step: number
  model_attempt: number
  disposition: Disposition
  repeatable: boolean
  timeout_ms: number | null
  /** `ready`: it runs, or is about to; `waiting`: its ticket is open; `done`: it has its result. */
  status: 'ready' | 'waiting' | 'done'
  attempt: number
  ticket: Ticket | null
  edited_args_seq: number | null
  /** Too large for events: whoever shows its arguments takes them from the step's staged output. */
  arguments_staged: boolean
}

/** A run that has not ended, with what the loop needs to go on. */
export type RunState = {
  record: RunRecord
  dispatch: DispatchRecord
  /** Where the final text is found, for the run's record. */
  final_output_ref: { step: number; attempt: number } | null
  limits: RunLimits | null
  phase: 'queued' | 'model' | 'tools'
  step: number
  attempt: number
  /** The next attempt of the model step starts no earlier (ms). */
  not_before: number
  calls: ToolCall[]
  /** Set once the run must end: it waits for what is under way until `stop_at` (ms), then ends so. */
  stopping: { termination: Termination; reason: string; stop_at: number } | null
}

export type DecidedTicket = {
  ticket_id: string
  tool_call_id: string
  run_id: string
  decision_id: string
  decided_by: Decider | null
  decided_at: number
}

/** What became of a message that is pending no more; the latest of them, for those who would still change it. */
export type Departed = {
  pending_id: string
  state: 'consumed' | 'retracted' | 'undelivered'
  run_id: string | null
  /** Of a consumed one: the step that read it, and its number in the conversation. */
  step?: number
  message_seq?: number
  reason?: string
  at: number
}

/** What the thread remembers of one command: enough to give the same answer again. */
export type LedgerEntry = { command_id: string; body_hash: string; at: number; reply: Reply }

/** Facts that come with loading a thread; they hold until it is loaded again. Durations in ms. */
export type ThreadSettings = {
  idle_close_ms: number
  /** For tests: continue as new after this many commands; 0 leaves it to the server's advice. */
  continue_as_new_every: number
  search_attributes: boolean
  /** The server knows WeftTenant too; threads that began before there was such an attribute go on without. */
  tenant_attribute?: boolean
  heartbeat_timeout_ms: number
  /** How the `temporal` program reaches this server, for the commands shown to operators. */
  cli: string
}

/** Everything a thread knows. Plain JSON; what continue-as-new carries. */
export type ThreadState = {
  version: 1
  tenant: string
  thread_id: string
  settings: ThreadSettings
  /** Fences the store against writers of an earlier life of this thread. */
  epoch: number
  event_seq: number
  message_seq: number
  last_message_id: string | null
  last_activity_at: number
  dispatch_epoch: number
  latest_agent_id: string | null
  allowed_tools: string[]
  queue: PendingEntry[]
  /** Counts every change of the queue. */
  queue_revision: number
  departed: Departed[]
  /** The queue waits until somebody resumes it. Only a queue that holds something can be parked. */
  parked: boolean
  /** What tools keep for the thread; a run starts with what the one before has left. */
  shared: JsonObject
  /** The open run's id, if any. */
  active_run_id: string | null
  /** Runs that have not ended: queued ones and the open one. */
  runs: { [run_id: string]: RunState }
  decided: DecidedTicket[]
  ledger: LedgerEntry[]
  /** Commands applied since the workflow's execution began. */
  commands: number
  unstored: Unstored
  /** Set when the store is behind this thread's memory: nothing more is written until someone mends it. */
  needs_reconcile: string | null
}

/** What the next persist must write. Cleared up to the stored number once it succeeded. */
export type Unstored = {
  events: ThreadEvent[]
  bytes: number
  /** Records of runs that have ended, with the event that ended them. */
  ended: { seq: number; run: RunState }[]
  ledger: LedgerEntry[]
}

/** What the store keeps to start the thread again: the state less what has its own rows. */
export type Snapshot = Omit<ThreadState, 'ledger' | 'unstored' | 'settings' | 'commands' | 'epoch'>
