import { evolve } from '../evolve.ts'
import { emptyThread, toSnapshot } from '../state-init.ts'
import type { RunState, Snapshot, ThreadState } from '../state.ts'
import type { Lost, StoredRun, ThreadFacts } from './facts.ts'
import type { Mended } from './mend.ts'

/** Why a run ends whose events are lost together with the thread's snapshot. */
export const LOG_LOST = 'the log of this run was lost, and it cannot go on from what is left'

/** Where the thread stands, and where that was found. `rest`: put together from what is left; `lost` says what is not. */
export type Head = { snapshot: Snapshot; from: 'stored' | 'workflow' | 'log' | 'rest'; lost: Lost[] }

/**
 * The state to start the thread from: the stored one if it reaches the log's end, that of the living workflow
 * (`live`), what the log says if it is whole from a known point on, or the best that can be made of what is left.
 */
export function headOf(facts: ThreadFacts, mended: Mended, live: Snapshot | null): Head {
  const { snapshot, last_seq } = facts
  if (snapshot?.event_seq === last_seq) return { snapshot, from: 'stored', lost: [] }
  if (live?.event_seq === last_seq) return { snapshot: live, from: 'workflow', lost: [] }
  if (mended.exact) return { snapshot: toSnapshot(mended.state), from: 'log', lost: [] }
  const holes = mended.lost.filter(({ what }) => what === 'events')
  const based = snapshot !== null && snapshot.event_seq + 1 >= facts.kept_from
  if (based && holes.every(({ to_seq }) => to_seq <= snapshot.event_seq))
    return { snapshot: foldedFrom(facts, snapshot, mended), from: 'log', lost: [] }
  return { snapshot: toSnapshot(pieced(facts, mended)), from: 'rest', lost: [{ what: 'state', from_seq: 0, to_seq: 0, ref: '' }] }
}

function foldedFrom({ tenant, thread_id }: ThreadFacts, snapshot: Snapshot, { log, state }: Mended): Snapshot {
  const base: ThreadState = { ...emptyThread(tenant, thread_id, state.settings), ...snapshot, needs_reconcile: null }
  return toSnapshot(log.filter(({ seq }) => seq > snapshot.event_seq).reduce(evolve, base))
}

/** The fold of what there is, set right by the rows that know better. */
function pieced(facts: ThreadFacts, { state, doubtful }: Mended): ThreadState {
  const rows = new Map(facts.runs.map((run) => [run.record.run_id, run]))
  const runs: ThreadState['runs'] = {}
  for (const [run_id, run] of Object.entries(state.runs)) {
    if (rows.get(run_id)?.record.status === 'done') continue
    runs[run_id] = doubtful.includes(run_id) && run.phase !== 'queued' ? stopped(run) : run
  }
  for (const row of rows.values()) {
    const { run_id, status } = row.record
    if (status !== 'done' && runs[run_id] === undefined) runs[run_id] = fromRow(row, facts)
  }
  const last = facts.messages.reduce<{ message_seq: number; message_id: string } | null>(
    (found, row) => (row.message_seq > (found?.message_seq ?? 0) ? row : found),
    null,
  )
  const read = new Set(facts.messages.map(({ message_id }) => message_id))
  const active = Object.values(runs).find(({ record }) => record.status === 'running' || record.status === 'waiting')
  return {
    ...state,
    event_seq: facts.last_seq,
    message_seq: Math.max(state.message_seq, facts.message_count, last?.message_seq ?? 0),
    last_message_id: (last?.message_seq ?? 0) > state.message_seq ? (last?.message_id ?? null) : state.last_message_id,
    dispatch_epoch: Math.max(
      state.dispatch_epoch,
      ...facts.dispatches.map(({ dispatch_epoch }) => dispatch_epoch),
      ...epochs(facts),
    ),
    latest_agent_id: state.latest_agent_id ?? facts.agent_id,
    queue: facts.queue.filter(({ pending_id }) => !read.has(pending_id)),
    runs,
    active_run_id: active?.record.run_id ?? null,
  }
}

function epochs({ runs }: ThreadFacts): number[] {
  return runs.flatMap(({ marks }) => Object.values(marks).map(({ epoch }) => epoch ?? 0))
}

/** It ends as soon as the thread looks at it. */
function stopped(run: RunState): RunState {
  return { ...run, stopping: { termination: { type: 'error', value: LOG_LOST }, reason: 'log_lost', stop_at: 0 } }
}

function fromRow({ record }: StoredRun, { dispatches }: ThreadFacts): RunState {
  const dispatch = dispatches.find(({ run_id }) => run_id === record.run_id) ?? {
    ...{ dispatch_id: record.dispatch_id, thread_id: record.thread_id, run_id: record.run_id },
    ...{ status: 'queued' as const, dispatch_epoch: 0, attempt_count: 1, max_attempts: 1, available_at: record.created_at },
    ...{ claimed_by: null, last_error: null, created_at: record.created_at, updated_at: record.updated_at, completed_at: null },
  }
  const queued = record.status === 'created'
  const position = queued
    ? { phase: 'queued' as const, step: 0, attempt: 0 }
    : { phase: 'model' as const, step: record.steps + 1, attempt: 1 }
  const run: RunState = {
    record,
    dispatch,
    final_output_ref: null,
    limits: null,
    ...position,
    not_before: 0,
    calls: [],
    stopping: null,
  }
  return queued ? run : stopped({ ...run, record: { ...record, status: 'running', waiting: null } })
}
