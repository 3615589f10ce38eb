import { activeRun, emit, type Draft } from '../draft.ts'
import type { Beyond } from '../ports.ts'
import type { LedgerEntry, ThreadState } from '../state.ts'
import { cancelCall } from './calls.ts'
import { failRun } from './ends.ts'
import { startNext } from './queue.ts'
import { loaded } from './time.ts'

/** The code and the reason of a run that had gone on behind what a restored store knows. */
export const STORE_RESTORED = 'store_restored'

/** The last number that this thread knows to be stored. */
export function storedSeq({ event_seq, unstored }: ThreadState): number {
  return event_seq - unstored.events.length
}

/** Whether a thread that is told how far the store's log goes must take the store's word for what it is. */
export function mustAdopt(state: ThreadState, last_seq: number): boolean {
  return state.needs_reconcile !== null || storedSeq(state) > last_seq
}

/** Whether the store has more than a thread knows: a task had stored it and was lost, and with it what had come in. */
export function isBehind({ event_seq }: ThreadState, last_seq: number): boolean {
  // The largest number stands for one that is not known.
  return event_seq < last_seq && last_seq < Number.MAX_SAFE_INTEGER
}

/** What `state` knows that `loaded`, taken from the store, does not. What was never stored comes in once more by itself. */
export function beyond(state: ThreadState, loaded: ThreadState): Beyond {
  const fresh = new Set(
    state.unstored.events.flatMap((event) => {
      if (event.kind === 'PendingDelivered') return [event.payload.pending_id]
      return event.kind === 'RunQueued' && event.run_id !== null ? [event.run_id] : []
    }),
  )
  const runs = Object.values(state.runs).filter(
    ({ record: { run_id } }) => loaded.runs[run_id] === undefined && !fresh.has(run_id),
  )
  const there = new Set(loaded.queue.map(({ pending_id }) => pending_id))
  const pending_ids = state.queue.map(({ pending_id }) => pending_id).filter((id) => !there.has(id) && !fresh.has(id))
  return {
    known_seq: storedSeq(state),
    store_seq: loaded.event_seq,
    runs: runs.map(({ record, dispatch }) => ({ record, dispatch })),
    pending_ids,
    begun_run_ids: begunMeanwhile(state, loaded),
  }
}

/**
 * To a store that was set back the thread may be one that is not there, and its next command is stored as the first one
 * before it comes here. That run has done nothing yet.
 */
function begunMeanwhile(state: ThreadState, loaded: ThreadState): string[] {
  const own = new Map(state.unstored.ledger.map((entry) => [entry.command_id, runOf(entry)]))
  return loaded.ledger.flatMap((entry) => {
    const run_id = runOf(entry)
    return run_id !== null && own.has(entry.command_id) && own.get(entry.command_id) !== run_id ? [run_id] : []
  })
}

function runOf({ reply }: LedgerEntry): string | null {
  const run_id = reply.ok ? reply.outcome['run_id'] : null
  return typeof run_id === 'string' ? run_id : null
}

/**
 * The thread has been loaded from a store that had been set back, or that had been out of step with itself. Facts
 * behind `store_seq` up to `known_seq` are gone: what the open run has done meanwhile nobody can tell, so it ends, as do
 * the runs that the store never heard of, and the queue goes on. Where nothing is gone the thread goes on like any that
 * was started again.
 */
export function adopted(draft: Draft, { known_seq, store_seq, runs, begun_run_ids = [] }: Beyond): void {
  if (known_seq <= store_seq) {
    loaded(draft)
    return
  }
  // A thread that is loaded once more has this behind it.
  if (draft.state.event_seq !== store_seq) return
  const text = `store_restored: the store was set back to event ${String(store_seq)}, this thread had come to ${String(known_seq)}`
  for (const run of runs) endUnknown(draft, run, text)
  const run = activeRun(draft.state)
  if (run === undefined) {
    startNext(draft)
    return
  }
  const { run_id } = run.record
  if (begun_run_ids.includes(run_id)) {
    loaded(draft)
    return
  }
  for (const call of run.calls)
    if (call.status !== 'done') cancelCall(draft, run_id, call, 'the store was restored from a backup; its outcome is unknown')
  failRun(draft, run_id, STORE_RESTORED, text)
}

/** Whoever has its id from an answer finds how it ended; its messages went with the store. */
function endUnknown(draft: Draft, { record, dispatch }: Beyond['runs'][number], error: string): void {
  const { run_id, agent_id, parent_run_id, retry_of, transport_request_id, metadata, overrides } = record
  const { dispatch_id, dispatch_epoch, max_attempts, available_at, created_at } = dispatch
  const facts = { dispatch_id, dispatch_epoch, attempt_count: 1, available_at, created_at, updated_at: draft.context.now }
  const own = { agent_id, max_attempts, parent_run_id, retry_of, transport_request_id, metadata, overrides }
  emit(draft, { kind: 'RunQueued', run_id, payload: { ...facts, status: 'queued', ...own } })
  const termination = { type: 'error' as const, value: error }
  emit(draft, {
    kind: 'RunErrored',
    run_id,
    payload: { ...facts, status: 'dead_letter', code: STORE_RESTORED, error, termination },
  })
}
