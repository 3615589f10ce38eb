import type { Begin } from './begin.ts'
import type { LogEvent } from './envelope.ts'
import type { Disposition, ThreadEvent } from './event.ts'
import type { Json, JsonObject } from './json.ts'
import type { MessageInput } from './message.ts'
import type { DispatchRecord, RunLimits, RunRecord, Usage } from './records.ts'
import type { LedgerEntry, PendingEntry, RunState, Snapshot, ThreadSettings } from './state.ts'
import type { PackedRun, StoredSnapshot } from './packed.ts'

/**
 * The effects a thread needs, as the workflow sees them. `activities/` satisfies this interface. It stands here and
 * not beside the activities because an import from there, even of types only, would pull Node's types into
 * workflow code and so remove the fence against `process`, `fetch` and `setTimeout`.
 */
export interface ThreadActivities {
  loadThread(input: LoadInput & { begin?: Begin }): Promise<LoadResult>
  persist(batch: ThreadBatch): Promise<PersistResult>
  runModelStep(input: ModelStepInput): Promise<ModelStepResult>
  runTool(input: ToolInput): Promise<ToolOutcome>
}

export type ThreadRef = { tenant: string; thread_id: string }
/**
 * `epoch`: the caller's own, which the store may have forgotten. `all_commands`: not only the last day's, for an
 * execution that is given once more whatever it was ever sent.
 */
export type LoadInput = ThreadRef & { epoch?: number; all_commands?: boolean }

/**
 * Loading takes the next epoch under a lock, so that an earlier life of the thread can write no more. A thread the
 * store does not know is created. `ledger`: the commands of the last 24 h, oldest first. `begun`: what the inputs of
 * `begin` led to is stored, and this is its mark (`markOf`); the rest of the result is the thread before that.
 */
export type LoadResult =
  | {
      status: 'loaded'
      epoch: number
      last_seq: number
      snapshot: StoredSnapshot | null
      ledger: LedgerEntry[]
      settings: ThreadSettings
      begun?: string
    }
  | { status: 'deleted' }

export type ThreadSummaryRow = {
  status: 'idle' | 'running' | 'waiting'
  agent_id: string | null
  active_run_id: string | null
  message_count: number
  queue_revision: number
}

/**
 * What the workflow hands to `persist`: always everything that is not stored yet. Open runs and the queue stand only
 * in the snapshot, and what waits in short, since a payload of Temporal's must stay below 2 MB and each write carries all
 * of it; `expandBatch` makes the transaction of it.
 */
export type ThreadBatch = ThreadRef & {
  epoch: number
  events: ThreadEvent[]
  last_seq: number
  /** Runs that have ended. */
  ended: PackedRun[]
  /** Open runs that changed. */
  touched: string[]
  queue_changed: boolean
  ledger: LedgerEntry[]
  summary: ThreadSummaryRow
  /** Without what waits: that is the text beside it, if there is any. */
  snapshot: Snapshot
  waiting?: string
}

/** One transaction's worth of a thread's facts. */
export type PersistBatch = ThreadRef & {
  epoch: number
  /** Numbers rise by one; may be empty when only ledger entries are new. */
  events: ThreadEvent[]
  /** The state's `event_seq` after this batch. */
  last_seq: number
  /** Latest records of all runs that changed, ended ones included. */
  runs: RunWrite[]
  /** The whole queue if it changed, in order; content comes from PendingDelivered events. */
  queue: PendingEntry[] | null
  ledger: LedgerEntry[]
  summary: ThreadSummaryRow
  /** What is stored to start the thread again; `waiting` is packed JSON that becomes a part of it. */
  snapshot: Snapshot
  waiting?: string
}
export type RunWrite = {
  record: RunRecord
  dispatch: DispatchRecord
  /** Where the final text is staged, when `record.final_output` is not known here. */
  final_output_ref: { step: number; attempt: number } | null
}

/**
 * `stored`: done, or had been done before. `fenced`: a later life of the thread owns the rows. `conflict`: other
 * events stand under these numbers. `gap`: the store's last number is smaller than the batch presumes (it was
 * restored from a backup). A store that cannot be reached throws.
 */
export type PersistResult =
  { status: 'stored'; last_seq: number } | { status: 'fenced' | 'conflict' | 'deleted' } | { status: 'gap'; last_seq: number }

/** Is told of all events that have just been stored, each once, of the runs that have ended with them, and of the batch. */
export type Observe = (events: readonly LogEvent[], of: { tenant: string; ended: RunWrite[]; batch: ThreadBatch }) => void

export type ModelStepInput = ThreadRef & {
  run_id: string
  step: number
  attempt: number
  agent_id: string
  /** Null in the first step: the activity resolves the agent and its result pins it. */
  agent_version: string | null
  /** The transcript to read ends here. */
  through_message_seq: number
  message_id: string
}

/** One tool call as the model asked for it, with what the agent's definition says of its tool. */
export type CallPlan = {
  tool_call_id: string
  tool_name: string
  disposition: Disposition
  /** Why it is rejected (no such tool, arguments that do not fit); the model is told so. */
  rejection?: string
  /** Null when larger than MAX_INLINE_ARGUMENTS_BYTES: they are staged as `args:<tool_call_id>`. */
  arguments: Json
  arguments_staged: boolean
  repeatable: boolean
  timeout_ms: number | null
  expires_in_ms: number | null
}

/**
 * `completed` and `interrupted` have staged their output under (run, step, attempt): part `message` (the assistant
 * message's content), part `text` (its text). `interrupted` only after a requested cancel, or with `deadline` when the
 * run's time was up; `has_text` says whether anything was staged. Failures are values, not errors, so that the core decides on retries.
 */
export type ModelStepResult =
  | {
      kind: 'completed'
      model: string
      finish_reason: string
      usage: Usage
      duration_ms: number
      agent_version: string
      limits: RunLimits
      has_content: boolean
      has_text: boolean
      calls: CallPlan[]
      worker?: string
    }
  | { kind: 'interrupted'; has_text: boolean; model: string; usage: Usage; duration_ms: number; deadline?: boolean }
  | { kind: 'failed'; retryable: boolean; code: string; error: string; retry_after_ms: number | null; worker?: string }

export type ToolInput = ThreadRef & {
  run_id: string
  step: number
  model_attempt: number
  tool_call_id: string
  tool_name: string
  attempt: number
  agent_id: string
  agent_version: string | null
  /** The event (MailboxDecisionReceived) whose payload carries arguments edited by a person. */
  edited_args_seq: number | null
  message_id: string
}

/**
 * The result is staged as `result:<tool_call_id>` under (run, step, `attempt` of the call). `failed` with a result:
 * the tool ran and threw; the model is told. `lost`: nobody knows whether it ran to its end. `missing`: the tool
 * is no longer part of the configuration.
 */
export type ToolOutcome =
  | {
      kind: 'done'
      status: 'success' | 'error'
      message?: string
      /** What the tool changes in the thread's shared state, key by key; null removes. */
      state_patch?: JsonObject
      /** Messages that it puts into its own run's queue, in order. */
      messages?: StagedMessage[]
    }
  | { kind: 'cancelled' }
  | { kind: 'lost'; error: string }
  | { kind: 'missing'; error: string }

/** A message from a tool: read by its own run at `boundary` (`next_step` where nothing is said), and by no other. */
export type StagedMessage = MessageInput & { boundary?: 'next_step' | 'on_natural_end' }

/**
 * What a thread knew beyond the store that it was loaded from: the numbers from `store_seq` on up to `known_seq`, its
 * open runs and its pending messages that the store does not have.
 */
export type Beyond = {
  known_seq: number
  store_seq: number
  runs: Pick<RunState, 'record' | 'dispatch'>[]
  pending_ids: string[]
  /** Runs that the store has of commands which the thread has taken itself since, as one of which nothing was known. */
  begun_run_ids?: string[]
}

/** What effects report back into `decide`. */
export type Report =
  | { type: 'loaded' }
  | { type: 'adopted'; beyond: Beyond }
  | { type: 'model_done'; run_id: string; step: number; attempt: number; result: ModelStepResult }
  | { type: 'tool_done'; run_id: string; step: number; tool_call_id: string; attempt: number; outcome: ToolOutcome }
  | { type: 'tick' }
