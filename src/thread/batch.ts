import { activeRun } from './draft.ts'
import type { ThreadEvent } from './event.ts'
import { jsonSize } from './json.ts'
import { packed, packedRun, unpacked, unpackedRun } from './packed.ts'
import type { PersistBatch, RunWrite, ThreadBatch, ThreadSummaryRow } from './ports.ts'
import { hasAnswer } from './rules/runs.ts'
import { toSnapshot } from './state-init.ts'
import type { PendingEntry, RunState, ThreadState } from './state.ts'

/** Whether anything is left to write; cheaper than the batch itself, and the loop asks at every turn. */
export function hasUnstored({ unstored }: ThreadState): boolean {
  return unstored.events.length > 0 || unstored.ledger.length > 0
}

/** The next transaction: always everything that is unstored, so that the snapshot in it is that of the log's end. */
export function nextBatch(state: ThreadState): ThreadBatch | null {
  if (!hasUnstored(state)) return null
  const { events, ended, ledger } = state.unstored
  const changed = new Set(events.flatMap((event) => event.run_id ?? []))
  const { rest, waiting } = packed(toSnapshot(state))
  return {
    tenant: state.tenant,
    thread_id: state.thread_id,
    epoch: state.epoch,
    events,
    last_seq: state.event_seq,
    ended: ended.map(({ run }) => packedRun(run)),
    touched: Object.keys(state.runs).filter((run_id) => changed.has(run_id)),
    queue_changed: changesQueue(events),
    ledger,
    summary: summaryOf(state),
    snapshot: rest,
    ...(waiting === undefined ? {} : { waiting }),
  }
}

/** Whether the queue is another after these events; what came and was read among them has left no trace in it. */
function changesQueue(events: readonly ThreadEvent[]): boolean {
  const come = new Set<string>()
  for (const event of events) {
    const left = leftQueue(event)
    if (event.kind === 'PendingDelivered') come.add(event.payload.pending_id)
    else if (left !== null ? !come.delete(left) : event.kind.startsWith('Pending')) return true
  }
  return come.size > 0
}

/** The message that leaves the queue with this event, if one does. What is committed from there refers to its content there. */
export function leftQueue({ kind, payload, refs = [] }: ThreadEvent): string | null {
  if (kind === 'PendingRetracted' || kind === 'PendingUndelivered') return payload.pending_id
  return kind === 'MessageCommitted' && refs.some(({ ref }) => ref.from === 'pending') ? payload.message_id : null
}

/** A batch with the records that the store writes, taken from its snapshot. What waits is looked at only if it has changed. */
export function expandBatch({ ended, touched, queue_changed, ...batch }: ThreadBatch): PersistBatch {
  const { snapshot, waiting, thread_id } = batch
  const closer = queue_changed || touched.some((run_id) => snapshot.runs[run_id] === undefined)
  const { runs, queue } = closer && waiting !== undefined ? unpacked({ ...snapshot, waiting }) : snapshot
  const over = ended.map((run) => unpackedRun(run, thread_id))
  const open = touched.flatMap((run_id) => runs[run_id] ?? [])
  return { ...batch, runs: [...over, ...open].map(toWrite), queue: queue_changed ? queue : null }
}

/** The queue at a batch's end, whether or not the batch as a whole has changed it; null where the snapshot has none. */
export function queueOf({ snapshot, waiting }: PersistBatch): PendingEntry[] | null {
  return waiting === undefined ? snapshot.queue : unpacked({ ...snapshot, waiting }).queue
}

/** The state once a batch is in the store: what has come in since stays unstored. */
export function stored(state: ThreadState, batch: ThreadBatch): ThreadState {
  const { unstored } = state
  const events = unstored.events.filter((event) => event.seq > batch.last_seq)
  const ended = unstored.ended.filter(({ seq }) => seq > batch.last_seq)
  const ledger = unstored.ledger.slice(batch.ledger.length)
  const bytes = events.length + ledger.length === 0 ? 0 : jsonSize(events) + jsonSize(ledger)
  return { ...state, unstored: { events, ended, ledger, bytes } }
}

export function summaryOf(state: ThreadState): ThreadSummaryRow {
  const run = activeRun(state)
  return {
    status: run === undefined ? 'idle' : run.record.status === 'waiting' ? 'waiting' : 'running',
    agent_id: run?.record.agent_id ?? state.latest_agent_id,
    active_run_id: state.active_run_id,
    message_count: state.message_seq,
    queue_revision: state.queue_revision,
  }
}

function toWrite(run: RunState): RunWrite {
  const { record, dispatch } = run
  return { record, dispatch, final_output_ref: hasAnswer(record.termination) ? run.final_output_ref : null }
}
