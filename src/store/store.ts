import type { LogEvent } from '../thread/envelope.ts'
import type { Decider, EventKind } from '../thread/event.ts'
import type { Json, JsonObject } from '../thread/json.ts'
import type { Content, MessageKind, Role, Visibility } from '../thread/message.ts'
import type { ThreadEvent } from '../thread/event.ts'
import type { Lost, StoredMessage, StoredPending, StoredRun, ThreadFacts } from '../thread/repair/facts.ts'
import type { LoadInput, LoadResult, PersistBatch, PersistResult, ThreadRef, ThreadSummaryRow } from '../thread/ports.ts'
import type { DispatchRecord, DispatchStatus, RunRecord, RunStatus, Ticket } from '../thread/records.ts'
import type { LedgerEntry, PendingEntry, Snapshot } from '../thread/state.ts'
import type { ApiKeyRows } from './api-keys.ts'
import type { WebhookRows } from './webhook-store.ts'

/**
 * The store's contract, satisfied by one Postgres dialect that PGlite or `pg` serves. Every row belongs to a tenant.
 * Times are ms since the epoch. A store that cannot be reached, or does not answer within its timeout, throws
 * `StoreUnavailable`, a cursor that no list has given out `InvalidCursor`; nothing else is thrown but for bugs.
 */
export interface Store {
  readonly threads: ThreadRows
  readonly conversation: ConversationRows
  readonly engine: EngineRows
  readonly agents: AgentVersionRows
  readonly keys: ApiKeyRows
  readonly webhooks: WebhookRows
  readonly repair: RepairRows
  readonly leases: LeaseRows
  /** Runs the numbered migrations that have not run, each once, under a lock that other processes wait for. */
  migrate(): Promise<{ applied: string[] }>
  /** One trivial round trip. */
  ping(): Promise<void>
  close(): Promise<void>
}

/** What only one process at a time is to do, whatever becomes of that process. The database's clock decides. */
export interface LeaseRows {
  /** Takes the lease of this name for so long (ms), or keeps it; false while another holder has it. */
  take(name: string, holder: string, ttl_ms: number): Promise<boolean>
  /** Gives it up: whoever asks next has it. */
  release(name: string, holder: string): Promise<void>
}

/** What repair and retention do to the rows of threads, whoever else writes them meanwhile. */
export interface RepairRows {
  tenants(): Promise<string[]>
  /** One page of threads, and whether a look at the numbers of their rows makes one suspect that something is missing. */
  survey(tenant: string, page: { after: string; limit: number }): Promise<Surveyed[]>
  /** Everything a repair looks at, read in pieces; null for a thread that is not there or was deleted. */
  facts(ref: ThreadRef): Promise<ThreadFacts | null>
  /** Puts rows in that are not there (numbers of what was), each in small transactions. Rows that are there stay. */
  restoreEvents(ref: ThreadRef, events: { event: ThreadEvent; lost: string[] }[]): Promise<number>
  restoreMessages(ref: ThreadRef, messages: StoredMessage[]): Promise<number>
  /** What depends on where the thread stands, if it still stands there; null if it has moved on. Counts what was mended. */
  restoreHead(ref: ThreadRef, head: HeadRepair): Promise<{ [kind: string]: number } | null>
  /** Replaces what is noted as lost of a thread; what is noted of a store that was set back stays. */
  noteLost(ref: ThreadRef, lost: Lost[]): Promise<void>
  /** Adds notes of a store that was set back. */
  noteRestored(ref: ThreadRef, lost: Lost[]): Promise<void>
  listLost(tenant: string, filter: { thread_id?: string; limit: number }): Promise<LostRow[]>
  /** Drops one page of what is older than `before` (ms); how many rows of each kind. */
  retain(tenant: string, page: { after: string; limit: number; before: number }): Promise<{ threads: string[]; events: number }>
  /** Output of runs that have ended, which nothing will read any more. */
  pruneStaged(tenant: string, limit: number): Promise<number>
  /** Answers to commands of before `before` (ms). */
  pruneCommands(tenant: string, before: number, limit: number): Promise<number>
}
export type Surveyed = { thread_id: string; last_seq: number; open: boolean; suspect: boolean }
export type LostRow = Lost & { thread_id: string; found_at: number }
/** Rows as they must be, for a thread that stands at `seen_last_seq` and `seen_epoch`. */
export type HeadRepair = {
  seen_last_seq: number
  seen_epoch: number
  last_seq: number
  snapshot: Snapshot
  summary: ThreadSummaryRow
  runs: (StoredRun & { dispatch: DispatchRecord })[]
  dispatches: DispatchRecord[]
  tickets: TicketRow[]
  /** Contents of the queue's entries that have no row. */
  pending: StoredPending[]
}

/** A thread's own data (title, parents, custom), and what the persist step projects of its run time. */
export type ThreadRow = {
  tenant: string
  id: string
  title: string | null
  resource_id: string | null
  parent_thread_id: string | null
  /** Where its history comes from, and how much of it; null for a thread that is no fork. */
  forked_from_thread_id: string | null
  forked_at_seq: number | null
  custom: JsonObject
  /** Deleted so long after its last change (s): null as the installation says, 0 never. */
  expires_after_s: number | null
  status: 'idle' | 'running' | 'waiting'
  agent_id: string | null
  active_run_id: string | null
  message_count: number
  queue_revision: number
  /** The queue waits until somebody resumes it. */
  parked: boolean
  last_seq: number
  created_at: number
  updated_at: number
}
export type NewThread = {
  id: string
  title?: string | null
  resource_id?: string | null
  parent_thread_id?: string | null
  custom?: JsonObject
  expires_after_s?: number | null
}
/** What became of a fork. `open_calls`: a call would be left without its result; the nearest places that will do. */
export type Forked =
  | { status: 'created'; thread: ThreadRow }
  | { status: 'exists' | 'deleted' | 'parent_not_found' | 'source_not_found' | 'source_deleted' }
  | { status: 'no_such_message'; last_seq: number }
  | { status: 'open_calls'; before: number | null; after: number | null }
export type ThreadPatch = {
  title?: string | null
  resource_id?: string | null
  parent_thread_id?: string | null
  custom?: JsonObject
  expires_after_s?: number | null
}
/** A thread whose time was up at `at` (for the order only); the rest says that it has not changed since. */
export type ExpiredThread = { id: string; epoch: number; updated_at: number; at: number }
/** Those with a time of their own, or those for which the installation's counts. */
export type ExpiryQuery = {
  now: number
  whose: 'own' | { ttl_ms: number }
  limit: number
  after?: Pick<ExpiredThread, 'at' | 'id'>
}
export type ThreadFilter = {
  resource_id?: string
  parent_thread_id?: string
  /** Only threads without a parent. */
  root?: boolean
  status?: ThreadRow['status']
  updated_after?: number
}
/** Keyset page: newest first unless `order` says otherwise; `cursor` is the store's own text, opaque to callers. */
export type PageRequest = { limit: number; offset?: number; cursor?: string }
export type Page<T> = { items: T[]; total: number; has_more: boolean; next_cursor: string }

export interface ThreadRows {
  /** Statuses other than `created` change nothing. */
  create(
    tenant: string,
    thread: NewThread,
  ): Promise<{ status: 'created'; thread: ThreadRow } | { status: 'exists' | 'deleted' | 'parent_not_found' }>
  /**
   * A new thread whose conversation is another's up to `at_message_seq`, by reference: no message is copied. What is
   * not given of `thread` stays empty, but for the resource, which is the source's. Statuses other than `created`
   * change nothing.
   */
  fork(tenant: string, source_id: string, at_message_seq: number, thread: NewThread): Promise<Forked>
  get(tenant: string, id: string): Promise<ThreadRow | 'deleted' | null>
  list(tenant: string, filter: ThreadFilter, page: PageRequest): Promise<Page<ThreadRow>>
  /** `custom` is merged key by key (null removes a key); a cycle of parents changes nothing. */
  patch(tenant: string, id: string, patch: ThreadPatch): Promise<ThreadRow | 'cycle' | 'parent_not_found' | null>
  /**
   * Removes every row of the thread (and, with `cascade`, of its descendants), leaves a tombstone and fences writers.
   * Forks keep their history: what they have of it by reference is copied to them first.
   */
  delete(
    tenant: string,
    id: string,
    children: 'detach' | 'reject' | 'cascade',
  ): Promise<{ status: 'deleted'; ids: string[] } | { status: 'has_children' | 'not_found' }>
  /** Threads without an open run or a waiting message whose time is up, the longest expired first. */
  listExpired(tenant: string, query: ExpiryQuery): Promise<ExpiredThread[]>
  /** Deletes such a thread, its children detached; false if it has changed or was loaded since it was listed. */
  expire(tenant: string, thread: ExpiredThread): Promise<boolean>
  /** The last stored number of each of these threads; unknown and deleted ones are left out. */
  lastSeqs(refs: readonly ThreadRef[]): Promise<(ThreadRef & { last_seq: number; deleted: boolean })[]>
  /**
   * Threads that go on by themselves, since they have an open run, a queue that is not parked or a replacement that is
   * held: oldest change first
   * and after `after`, for the sweep that wakes those whose workflow was lost.
   */
  listOpen(options: { updated_before: number; limit: number; after?: OpenThread }): Promise<OpenThread[]>
  /** Deleted threads of which the engine may still know something, first those that were deleted first. */
  listUnforgotten(limit: number): Promise<(ThreadRef & { deleted_at: number })[]>
  /** The engine knows nothing of this deleted thread any more. */
  markForgotten(ref: ThreadRef): Promise<void>
}
export type OpenThread = { tenant: string; id: string; status: string; updated_at: number }

export type MessageRow = {
  message_id: string
  message_seq: number
  thread_id: string
  run_id: string | null
  step: number | null
  role: Role
  content: Content
  message_kind: MessageKind
  visibility: Visibility
  interrupted: boolean
  metadata: JsonObject | null
  created_at: number
}
/** A message as a model reads it. */
export type TranscriptRow = Readonly<Pick<MessageRow, 'message_seq' | 'message_id' | 'role' | 'content' | 'created_at'>>
export type ModelInput = { record: RunRecord; transcript: readonly TranscriptRow[] }
export type MessageFilter = {
  order: 'asc' | 'desc'
  after?: number
  before?: number
  run_id?: string
  visibility: 'external' | 'internal' | 'all'
}
export type RunFilter = { thread_id?: string; status?: RunStatus }
export type DispatchFilter = { thread_id?: string; status?: DispatchRecord['status'] }
/** `kinds`: only events of these kinds. */
export type EventQuery = { thread_id: string; run_id?: string; kinds?: readonly EventKind[]; after_seq: number; limit: number }
/** `position`: the place in the queue, from 1. */
export type PendingRow = PendingEntry & { content: Content; position: number }
/** A call that waits for a decision, or for a result from outside. */
export type TicketRow = { thread_id: string; run_id: string; agent_id: string | null; ticket: Ticket }
/**
 * What became of a message. `pending`: where it stands (from 1), the run that it is for, since when. `consumed`: the
 * run and the step that read it, its number, when; `reason` is `coalesced` when it was submitted for another run.
 * `retracted`: by whom, when. `undelivered`: why, the run that it was for, when. What is not known is absent.
 */
export type Receipt = {
  message_id: string
  state: 'pending' | 'consumed' | 'retracted' | 'undelivered'
  position?: number
  run_id?: string
  step?: number
  message_seq?: number
  reason?: string
  by?: Decider
  at: number
}

export type ExportedRun = { run: RunRecord; dispatch: DispatchRecord | null }
/**
 * A thread at one moment: what may change afterwards. Its events up to `thread.last_seq` and messages up to
 * `thread.message_count` do not. `newest`: the latest runs' time, in ms, and their ids.
 */
export type ExportStart = {
  thread: ThreadRow
  pending: PendingRow[]
  open: ExportedRun[]
  newest: { created_at: number; run_ids: string[] } | null
}
export interface ExportReads {
  /** Null for a thread that is not there. */
  exportStart(ref: ThreadRef): Promise<ExportStart | null>
  /** Runs as of the start, oldest first, after the last one that was read. */
  exportRuns(ref: ThreadRef, start: ExportStart, after: ExportedRun | null, limit: number): Promise<ExportedRun[]>
}

/** Reads of what the persist step wrote. */
export interface ConversationRows extends ExportReads {
  listMessages(ref: ThreadRef, filter: MessageFilter, page: PageRequest): Promise<Page<MessageRow>>
  /**
   * What a model step begins with: its run, and all messages up to `through` in order. Null where the run is unknown.
   * What was read before is remembered, so the rows are shared: nobody may change them.
   */
  modelInput(ref: ThreadRef, step: { run_id: string; through: number }): Promise<ModelInput | null>
  /** Messages after a number up to another, in order. */
  messagesBetween(ref: ThreadRef, range: { after: number; through: number; limit: number }): Promise<MessageRow[]>
  /** In the order of the ids; unknown ones are left out. */
  messagesByIds(ref: ThreadRef, ids: string[]): Promise<MessageRow[]>
  listPending(ref: ThreadRef): Promise<PendingRow[]>
  /** One entry of the queue; null once it has left it. */
  getPending(ref: ThreadRef, pending_id: string): Promise<PendingRow | null>
  /** Of a message that was delivered to the thread, or that a fork has from its source; null for one that a model or a tool made, and for unknown ids. */
  receipt(ref: ThreadRef, message_id: string): Promise<Receipt | null>
  /** Which of these message ids exist in the thread, committed or pending. */
  knownMessageIds(ref: ThreadRef, ids: string[]): Promise<string[]>
  /** Ids that follow from a client's message id may stand in two threads: without `thread_id` the newest run is meant. */
  getRun(tenant: string, run_id: string, thread_id?: string): Promise<RunRecord | null>
  /** By run id or dispatch id. */
  findRun(tenant: string, id: string): Promise<RunRecord | null>
  listRuns(tenant: string, filter: RunFilter, page: PageRequest): Promise<Page<RunRecord>>
  latestRun(ref: ThreadRef): Promise<RunRecord | null>
  listDispatches(tenant: string, filter: DispatchFilter, page: PageRequest): Promise<Page<DispatchRecord>>
  /** The newest, should two threads have one of this id. */
  findDispatch(tenant: string, dispatch_id: string): Promise<DispatchRecord | null>
  /** Over all tenants, for every status but `acked`, also where there are none. */
  countDispatches(): Promise<{ status: DispatchStatus; count: number }[]>
  /** The open tickets, oldest first. */
  listTickets(tenant: string, filter: { thread_id?: string }, page: PageRequest): Promise<Page<TicketRow>>
  /** The run that had started last when the log was at `seq`, open or ended by then; null where none had. */
  runStartedBefore(ref: ThreadRef, seq: number): Promise<string | null>
  /** Events after a number, ascending. `last_seq` is the thread's last stored number, `kept_from` the first that retention has left. */
  listEvents(tenant: string, query: EventQuery): Promise<{ events: LogEvent[]; last_seq: number; kept_from: number }>
  /** A value inside one event's payload, or undefined. */
  eventValue(ref: ThreadRef, seq: number, path: string[]): Promise<Json | undefined>
}

export type StagedKey = ThreadRef & { run_id: string; step: number; attempt: number }

/** `events`: on `stored`, the new ones in their stored form, references resolved. */
export type Persisted = PersistResult & { events?: LogEvent[] }
/** `thread`: null if it never was there; `empty` if it was only created, and no workflow has had it. */
export type LookedUp = { thread: 'there' | 'empty' | 'deleted' | null; command: LedgerEntry | null }

/** What the workflow's own activities need. */
export interface EngineRows {
  /** See LoadResult; `settings` is the caller's to add. */
  load(ref: LoadInput): Promise<Omit<Extract<LoadResult, { status: 'loaded' }>, 'settings'> | { status: 'deleted' }>
  /** One transaction. */
  persist(batch: PersistBatch): Promise<Persisted>
  /**
   * Stores the first batch of a thread that is not there, which makes it, or is `empty`. Null, and nothing is written,
   * where something has come of it already or the store must be asked.
   */
  begin(batch: PersistBatch): Promise<Persisted | null>
  /** Writes or replaces parts of an attempt's output; they become visible only through a persisted event. */
  stage(key: StagedKey, parts: { part: string; value: Json }[]): Promise<void>
  staged(key: StagedKey, part: string): Promise<Json | undefined>
  /** A command's stored answer, however old (within retention). */
  findCommand(ref: ThreadRef, command_id: string): Promise<LedgerEntry | null>
  /** Whether the thread is there, and what `findCommand` gives, in one statement. */
  lookUp(ref: ThreadRef, command_id: string | null): Promise<LookedUp>
  /** What tools keep for the thread, as of the last stored event; empty where nothing is kept. */
  sharedState(ref: ThreadRef): Promise<JsonObject>
}

/** What a run is pinned to: the agent as it was resolved. `spec` is plain JSON. */
export interface AgentVersionRows {
  save(versions: { agent_id: string; version: string; spec: JsonObject }[]): Promise<void>
  get(version: string): Promise<{ agent_id: string; spec: JsonObject } | null>
}

/** The store did not answer in time or cannot be reached. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/** A page was asked for with a cursor that the list has not given out: the caller's mistake, not the store's. */
export class InvalidCursor extends Error {
  override readonly name = 'InvalidCursor'
}
