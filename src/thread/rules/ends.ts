import { MODEL_STOP_MS, TOOL_STOP_MS } from '../limits.ts'
import type { Termination } from '../records.ts'
import type { RunState } from '../state.ts'
import { activeRun, dispatchFacts, emit, type Draft } from '../draft.ts'
import { cancelCall } from './calls.ts'
import { startNext } from './queue.ts'
import { finish } from './runs.ts'
import { settleTargeted } from './targets.ts'

/** How the open run ends, and what comes after it. */

/**
 * Ends the open run as soon as its step lets it: at once while it waits for a person or for its next attempt, else
 * when the model step or the tools have stopped, at the latest at `stop_at`.
 */
export function stopRun(draft: Draft, run_id: string, termination: Termination, reason: string): void {
  const run = draft.state.runs[run_id]
  if (run === undefined || run.stopping !== null) return
  const { now } = draft.context
  const wait = run.phase === 'model' ? MODEL_STOP_MS : TOOL_STOP_MS
  emit(draft, {
    kind: 'RunInterrupted',
    run_id,
    payload: {
      ...dispatchFacts(draft, run, { dispatch_epoch: draft.state.dispatch_epoch + 1 }),
      reason,
      stop_at: now + wait,
      termination,
    },
  })
  for (const call of run.calls) if (call.status === 'waiting') cancelCall(draft, run_id, call, reason)
  const left = draft.state.runs[run_id]
  if (left === undefined) return
  const idle = left.phase === 'model' ? left.not_before > now || run.phase === 'tools' : false
  if (idle) endRun(draft, run_id, termination)
}

/** Ends a run, settles the messages that were meant for it, and starts what comes next. */
export function endRun(draft: Draft, run_id: string, termination: Termination): void {
  const run = draft.state.runs[run_id]
  if (run === undefined) return
  const wasActive = draft.state.active_run_id === run_id
  finish(draft, run, termination)
  settleTargeted(draft, run_id)
  if (wasActive) startNext(draft)
}

/** An end by an error: the dispatch becomes a dead letter, which can be requeued. */
export function failRun(draft: Draft, run_id: string, code: string, error: string, worker?: string): void {
  const run = draft.state.runs[run_id]
  if (run === undefined) return
  emit(draft, {
    kind: 'RunErrored',
    run_id,
    payload: {
      ...dispatchFacts(draft, run, { status: 'dead_letter' }),
      code,
      error,
      termination: { type: 'error', value: error },
      ...(worker === undefined ? {} : { worker }),
    },
  })
  settleTargeted(draft, run_id)
  startNext(draft)
}

/** The open run if it is this one. */
export function openRun(draft: Draft, run_id: string): RunState | undefined {
  const run = activeRun(draft.state)
  return run?.record.run_id === run_id ? run : undefined
}
