import type { ToolOutcome } from '../ports.ts'
import type { RunState, ToolCall } from '../state.ts'
import { dispatchFacts, emit, type Draft } from '../draft.ts'
import { deriveId } from '../ids.ts'
import { jsonSize, patched } from '../json.ts'
import { MAX_OUTBOX_BYTES, MAX_PENDING, MAX_QUEUE_BYTES, MAX_SHARED_BYTES } from '../limits.ts'
import { waitingSize } from '../packed.ts'
import { cancelCall, finishCall, openTicket, toolMessageId } from './calls.ts'
import { deliver } from './deliver.ts'
import { openRun } from './ends.ts'
import { settleCalls } from './settle.ts'

/** A tool that may be repeated is started again this often when its worker dies. */
const MAX_TOOL_ATTEMPTS = 3

/** A tool has come back. A result for a call that is not waiting for one is a zombie's and ignored. */
export function toolDone(
  draft: Draft,
  report: { run_id: string; step: number; tool_call_id: string; attempt: number; outcome: ToolOutcome },
): void {
  const run = openRun(draft, report.run_id)
  const call = run?.calls.find((known) => known.tool_call_id === report.tool_call_id && known.step === report.step)
  if (run === undefined || call?.status !== 'ready' || call.attempt !== report.attempt) return
  const { run_id } = run.record
  const { outcome } = report
  switch (outcome.kind) {
    case 'done': {
      const part = `result:${call.tool_call_id}`
      const ref = { from: 'staged' as const, run_id, step: call.step, attempt: call.attempt, part }
      finishCall(draft, run_id, call, { status: outcome.status, data: { ref }, message: outcome.message })
      keep(draft, run, call, outcome)
      break
    }
    case 'cancelled':
      if (run.stopping === null) lost(draft, run, call, 'the tool was cancelled without a request')
      else cancelCall(draft, run_id, call, run.stopping.reason)
      break
    case 'missing':
      missing(draft, run, call, outcome.error)
      break
    case 'lost':
      lost(draft, run, call, outcome.error)
      break
  }
  settleCalls(draft, run_id)
}

/** What a tool leaves behind besides its result: changes of the shared state, and messages for its own run. */
function keep(draft: Draft, run: RunState, call: ToolCall, outcome: Extract<ToolOutcome, { kind: 'done' }>): void {
  const { state_patch, messages = [] } = outcome
  const { run_id, agent_id } = run.record
  if (state_patch !== undefined) {
    if (jsonSize(patched(draft.state.shared, state_patch)) <= MAX_SHARED_BYTES)
      emit(draft, { kind: 'ThreadUpdated', run_id, payload: { reason: 'state_patched', state_patch } })
    else dropped(draft, run_id, 'state_patch', 'payload_too_large', 'The shared state would be larger than a thread keeps.')
  }
  const size = jsonSize(messages)
  const room = draft.state.unstored.bytes + size <= MAX_OUTBOX_BYTES && waitingSize(draft.state) + size <= MAX_QUEUE_BYTES
  if (messages.length > 0 && (!room || draft.state.queue.length + messages.length > MAX_PENDING)) {
    dropped(
      draft,
      run_id,
      'stage_messages',
      'queue_full',
      `The messages that ${call.tool_name} staged found no room in the queue.`,
    )
    return
  }
  for (const [index, { boundary = 'next_step', ...message }] of messages.entries()) {
    const delivery = { ...OWN_RUN, boundary, target_run_id: run_id }
    const id = message.id ?? deriveId(toolMessageId(run_id, call), `staged/${String(index)}`)
    deliver(draft, [{ message, id }], { delivery, agent_id, overrides_key: null, for_run_id: null })
  }
}

/** For the run that the tool belongs to, and no other (source: seed 001, `stage_pending_messages`). */
const OWN_RUN = { granularity: 'batch', barrier: false, fallback_to_new_run: false } as const

/** Two tools at once can ask for more than each could know; whoever reads the log sees what was left out. */
function dropped(draft: Draft, run_id: string, command: string, code: string, message: string): void {
  emit(draft, { kind: 'CommandRejected', run_id, payload: { command, command_id: null, code, message, origin: 'tool' } })
}

/** The configuration has changed under the run: the call cannot be carried out, and the model is told. */
function missing(draft: Draft, run: RunState, call: ToolCall, error: string): void {
  const { run_id } = run.record
  const facts = dispatchFacts(draft, run)
  emit(draft, {
    kind: 'MailboxResumeFailed',
    run_id,
    payload: { ...facts, reason: 'tool_missing', error, tool_call_id: call.tool_call_id },
  })
  finishCall(draft, run_id, call, { status: 'error', data: { error }, message: error })
}

/**
 * Nobody knows whether the tool ran to its end. One that may be repeated is; for any other a person is asked, since
 * running it twice could do harm.
 */
export function lost(draft: Draft, run: RunState, call: ToolCall, error: string): void {
  const { run_id } = run.record
  if (run.stopping !== null) {
    cancelCall(draft, run_id, call, `${run.stopping.reason}; its outcome is unknown`)
    return
  }
  if (call.repeatable && call.attempt >= MAX_TOOL_ATTEMPTS) {
    finishCall(draft, run_id, call, { status: 'error', data: { error }, message: error })
    return
  }
  emit(draft, {
    kind: 'RunRescheduled',
    run_id,
    payload: {
      ...dispatchFacts(draft, run),
      reason: call.repeatable ? 'tool_lost' : 'tool_outcome_unknown',
      step: call.step,
      attempt: call.attempt + 1,
      code: 'outcome_unknown',
      error,
      tool_call_id: call.tool_call_id,
    },
  })
  if (call.repeatable) return
  const question = {
    outcome: 'unknown',
    error,
    question: 'It may have run. Resume to run it again, resume with a result to state it, or cancel.',
  }
  openTicket(
    draft,
    run_id,
    { ...call, attempt: call.attempt + 1 },
    { reason: 'external_event', arguments: question, expires_in_ms: null },
  )
}
