import type { RunState } from '../state.ts'
import { activeRun, dispatchFacts, emit, type Draft } from '../draft.ts'
import { MAX_STEP_ATTEMPTS, MODEL_STOP_MS, TOOL_STOP_MS } from '../limits.ts'
import { cancelCall, finishCall } from './calls.ts'
import { endRun, failRun, stopRun } from './ends.ts'
import { abandonStep } from './step.ts'
import { expireHolds } from './freeze.ts'
import { lookAtQueue, startNext } from './queue.ts'
import { resumeRun } from './runs.ts'
import { deadlineOf, OUT_OF_TIME, settleCalls } from './settle.ts'
import { lost } from './tools.ts'

/** What the passing of time alone brings about. Safe to call at any time and any number of times. */
export function tick(draft: Draft): void {
  const run = activeRun(draft.state)
  if (run !== undefined) runTick(draft, run)
  // After the run's own time: what is let go must not be read by a run that ends in this very moment.
  if (expireHolds(draft)) lookAtQueue(draft)
}

function runTick(draft: Draft, run: RunState): void {
  const { now } = draft.context
  const { run_id } = run.record
  if (run.stopping !== null) {
    if (now >= run.stopping.stop_at) stopTimedOut(draft, run)
    return
  }
  const deadline = deadlineOf(run)
  if (deadline !== null && now >= deadline) {
    stopRun(draft, run_id, { type: 'stopped', value: OUT_OF_TIME }, 'deadline')
    return
  }
  expireTickets(draft, run)
}

/** What was under way has not stopped in time: the run ends without it, and what it still brings cannot land. */
function stopTimedOut(draft: Draft, run: RunState): void {
  const { run_id } = run.record
  if (run.stopping === null) return
  const model = run.phase === 'model'
  const timeout_ms = model ? MODEL_STOP_MS : TOOL_STOP_MS
  const reason = model ? 'model_stop' : 'tool_stop'
  emit(draft, { kind: 'MailboxTimeout', run_id, payload: { ...dispatchFacts(draft, run), reason, timeout_ms } })
  if (model) {
    abandonStep(draft, run)
    return
  }
  for (const call of run.calls)
    if (call.status !== 'done') cancelCall(draft, run_id, call, `${run.stopping.reason}; it did not stop in time`)
  endRun(draft, run_id, run.stopping.termination)
}

/** A ticket nobody answered in its time is an outcome of its own, different from a denial. */
function expireTickets(draft: Draft, run: RunState): void {
  const { run_id } = run.record
  for (const { tool_call_id } of run.calls) {
    // Looked up anew: what follows from one ticket's end may close the others.
    const call = draft.state.runs[run_id]?.calls.find((known) => known.tool_call_id === tool_call_id)
    const ticket = call?.ticket
    if (call === undefined || ticket?.expires_at === undefined || draft.context.now < ticket.expires_at) continue
    emit(draft, {
      kind: 'ToolPermissionExpired',
      run_id,
      payload: { step: call.step, ticket_id: ticket.ticket_id, tool_call_id: call.tool_call_id },
    })
    resumeRun(draft, run_id, 'expiry')
    finishCall(draft, run_id, call, { status: 'error', data: { expired: true }, message: 'nobody decided in time' })
    settleCalls(draft, run_id)
  }
}

/**
 * The thread was started again from the store. Whatever its open step was doing is gone with the workflow that did
 * it: the model is asked again under a new attempt, and tools are treated as lost.
 */
export function loaded(draft: Draft): void {
  const run = activeRun(draft.state)
  if (run === undefined) startNext(draft)
  else if (run.phase === 'model') restartStep(draft, run)
  else if (run.phase === 'tools') {
    for (const call of run.calls)
      if (call.status === 'ready') lost(draft, run, call, 'the workflow was started again while the tool may have run')
    settleCalls(draft, run.record.run_id)
  }
}

function restartStep(draft: Draft, run: RunState): void {
  const { run_id } = run.record
  const { step, attempt } = run
  if (run.stopping !== null) {
    endRun(draft, run_id, run.stopping.termination)
    return
  }
  if (attempt >= MAX_STEP_ATTEMPTS) {
    failRun(draft, run_id, 'attempts_exhausted', 'the step was lost with its workflow in its last attempt')
    return
  }
  const attempt_count = Math.max(run.dispatch.attempt_count, attempt + 1)
  const facts = dispatchFacts(draft, run, { status: 'queued', attempt_count, available_at: draft.context.now })
  emit(draft, {
    kind: 'RunRescheduled',
    run_id,
    payload: { ...facts, reason: 'thread_restarted', step, attempt: attempt + 1, code: null, error: null },
  })
}
