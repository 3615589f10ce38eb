import type { CallPlan, ModelStepResult } from '../ports.ts'
import { MAX_STEP_ATTEMPTS, RETRY_BASE_MS, RETRY_CAP_MS } from '../limits.ts'
import type { Disposition } from '../event.ts'
import type { RunState } from '../state.ts'
import { dispatchFacts, emit, type Draft } from '../draft.ts'
import { cancelCall, finishCall, openTicket, stepMessageId } from './calls.ts'
import { commitMessages } from './messages.ts'
import { endRun, failRun, openRun } from './ends.ts'
import { freezeInto } from './freeze.ts'
import { limitReached, OUT_OF_TIME, settleCalls } from './settle.ts'

type Completed = Extract<ModelStepResult, { kind: 'completed' }>

/** A model step has come back. What does not belong to the open step's present attempt is ignored: it is a zombie's. */
export function modelDone(
  draft: Draft,
  report: { run_id: string; step: number; attempt: number; result: ModelStepResult },
): void {
  const run = openRun(draft, report.run_id)
  if (run === undefined || run.phase !== 'model' || run.step !== report.step || run.attempt !== report.attempt) return
  const { result } = report
  if (result.kind === 'completed') completed(draft, run, result)
  else if (run.stopping !== null) interrupted(draft, run, result.kind === 'interrupted' && result.has_text)
  else if (result.kind === 'failed') failed(draft, run, result)
  else if (result.deadline === true) outOfTime(draft, run, result.has_text)
  else
    failed(draft, run, {
      retryable: true,
      code: 'aborted',
      error: 'the model call was aborted without a request',
      retry_after_ms: null,
    })
}

function completed(draft: Draft, run: RunState, result: Completed): void {
  const { run_id } = run.record
  const { step, attempt } = run
  const { model, usage, duration_ms, finish_reason, agent_version, limits } = result
  emit(draft, {
    kind: 'InferenceCompleted',
    run_id,
    payload: { step, attempt, model, usage, duration_ms, finish_reason, agent_version, limits, ...workerOf(result) },
  })
  if (result.has_content) commitAnswer(draft, run, false)
  for (const plan of result.calls) planCall(draft, run, plan)
  if (run.stopping !== null) {
    for (const call of draft.state.runs[run_id]?.calls ?? [])
      if (call.status !== 'done') cancelCall(draft, run_id, call, run.stopping.reason)
    endRun(draft, run_id, run.stopping.termination)
  } else if (result.calls.length > 0) settleCalls(draft, run_id)
  else if (!goesOn(draft, run_id)) endRun(draft, run_id, { type: 'natural_end' })
}

/** What was meant for the end of the run is read by the same run, if it may take another step. */
function goesOn(draft: Draft, run_id: string): boolean {
  const run = draft.state.runs[run_id]
  return run !== undefined && limitReached(run, draft.context.now) === null && freezeInto(draft, run_id, 'on_natural_end')
}

/** A call as the model asked for it, and its ticket or its refusal where it may not simply run. */
function planCall(draft: Draft, run: RunState, plan: CallPlan): void {
  const { run_id } = run.record
  const disposition: Disposition =
    plan.disposition === 'approve' && draft.state.allowed_tools.includes(plan.tool_name) ? 'run' : plan.disposition
  const staged = { from: 'staged' as const, run_id, step: run.step, attempt: run.attempt, part: `args:${plan.tool_call_id}` }
  emit(draft, {
    kind: 'ToolCallReady',
    run_id,
    payload: {
      step: run.step,
      model_attempt: run.attempt,
      tool_call_id: plan.tool_call_id,
      tool_name: plan.tool_name,
      arguments: plan.arguments,
      disposition,
      repeatable: plan.repeatable,
      expires_in_ms: plan.expires_in_ms,
      timeout_ms: plan.timeout_ms,
    },
    ...(plan.arguments_staged ? { refs: [{ at: ['arguments'], ref: staged }] } : {}),
  })
  const call = draft.state.runs[run_id]?.calls.find((known) => known.tool_call_id === plan.tool_call_id)
  if (call === undefined || run.stopping !== null) return
  if (disposition === 'reject') {
    const message = plan.rejection ?? 'this tool call was refused'
    finishCall(draft, run_id, call, { status: 'error', data: { error: message }, message })
  } else if (disposition !== 'run') {
    const reason = disposition === 'approve' ? 'tool_permission' : 'user_input'
    openTicket(draft, run_id, call, { reason, arguments: plan.arguments, expires_in_ms: plan.expires_in_ms })
  }
}

/** The run was to stop: what had been streamed is committed and marked, then the run ends. */
function interrupted(draft: Draft, run: RunState, has_text: boolean): void {
  if (run.stopping === null) return
  if (has_text) commitAnswer(draft, run, true)
  endRun(draft, run.record.run_id, run.stopping.termination)
}

/** The run's time was up in the middle of its step: what had been streamed stays. */
function outOfTime(draft: Draft, run: RunState, has_text: boolean): void {
  if (has_text) commitAnswer(draft, run, true)
  endRun(draft, run.record.run_id, { type: 'stopped', value: OUT_OF_TIME })
}

/** The step did not stop in time: goes on with the last prefix that was staged, if any. */
export function abandonStep(draft: Draft, run: RunState): void {
  commitAnswer(draft, run, true)
  if (run.stopping !== null) endRun(draft, run.record.run_id, run.stopping.termination)
}

/**
 * Of an answer that was cut off only the text counts: an attempt that is left behind may have staged a whole answer,
 * with calls that nobody plans and that would never have a result.
 */
function commitAnswer(draft: Draft, run: RunState, cut: boolean): void {
  const { run_id } = run.record
  const ref = {
    from: 'staged' as const,
    run_id,
    step: run.step,
    attempt: run.attempt,
    part: cut ? 'text' : 'message',
    ...(cut ? { optional: true } : {}),
  }
  const message = { message_id: stepMessageId(run_id, run.step), role: 'assistant' as const, content: '', step: run.step }
  commitMessages(draft, run_id, [{ ...message, interrupted: cut, refs: [{ at: ['content'], ref }] }])
}

function failed(draft: Draft, run: RunState, failure: Omit<Extract<ModelStepResult, { kind: 'failed' }>, 'kind'>): void {
  const { run_id } = run.record
  if (failure.retryable && run.attempt < MAX_STEP_ATTEMPTS) {
    reschedule(draft, run, failure)
    return
  }
  if (failure.code === 'unknown_agent') {
    const facts = dispatchFacts(draft, run, { status: 'dead_letter' })
    emit(draft, { kind: 'MailboxSubmitFailed', run_id, payload: { ...facts, reason: failure.code, error: failure.error } })
  }
  failRun(draft, run_id, failure.code, failure.error, failure.worker)
}

function workerOf({ worker }: { worker?: string }): { worker?: string } {
  return worker === undefined ? {} : { worker }
}

function reschedule(
  draft: Draft,
  run: RunState,
  failure: { code: string; error: string; retry_after_ms: number | null; worker?: string },
): void {
  const { step, attempt } = run
  const backoff = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** (attempt - 1))
  const available_at = draft.context.now + Math.max(backoff, failure.retry_after_ms ?? 0)
  const attempt_count = Math.max(run.dispatch.attempt_count, attempt + 1)
  const facts = dispatchFacts(draft, run, { status: 'queued', attempt_count, available_at })
  emit(draft, {
    kind: 'RunRescheduled',
    run_id: run.record.run_id,
    payload: {
      ...facts,
      reason: 'attempt_failed',
      step,
      attempt: attempt + 1,
      code: failure.code,
      error: failure.error,
      ...workerOf(failure),
    },
  })
}
