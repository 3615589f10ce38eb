import { MAX_STEP_ATTEMPTS } from '../limits.ts'
import type { DispatchRecord } from '../records.ts'
import type { StoredRun, ThreadFacts } from './facts.ts'

/** Dispatches that have no row and whose events retention has dropped: what their runs' last marks say of them. */
export function missingDispatches(facts: ThreadFacts, restored: ReadonlySet<string>): DispatchRecord[] {
  const there = new Set(facts.dispatches.map(({ run_id }) => run_id))
  return facts.runs.flatMap((run) =>
    there.has(run.record.run_id) || restored.has(run.record.run_id) ? [] : dispatchOf(run, facts),
  )
}

function dispatchOf({ record, marks }: StoredRun, { messages }: ThreadFacts): DispatchRecord[] {
  const last = Object.entries(marks)
    .sort(([a], [b]) => Number(a) - Number(b))
    .findLast(([, mark]) => mark.status !== undefined)?.[1]
  if (last?.status === undefined) return []
  const queued = Object.values(marks).find(({ kind }) => kind === 'RunQueued')
  return [
    {
      dispatch_id: record.dispatch_id,
      thread_id: record.thread_id,
      run_id: record.run_id,
      status: last.status,
      dispatch_epoch: queued?.epoch ?? last.epoch ?? 0,
      attempt_count: last.attempt ?? 1,
      max_attempts: MAX_STEP_ATTEMPTS,
      available_at: last.available_at ?? record.created_at,
      claimed_by:
        messages.findLast(({ run_id, made }) => run_id === record.run_id && made?.worker !== undefined)?.made?.worker ?? null,
      last_error: record.error?.message ?? null,
      created_at: record.created_at,
      updated_at: record.updated_at,
      completed_at: record.finished_at,
    },
  ]
}
