import type { EventOf, ThreadEvent } from './event.ts'
import { evolveCalls } from './evolve-calls.ts'
import type { RunRecord } from './records.ts'
import type { RunState } from './state.ts'

/**
 * One run after one event that names it; undefined where the run is unknown. An ended run keeps status `done`, and
 * the caller takes it out of the open ones.
 */
export function evolveRun(run: RunState | undefined, event: ThreadEvent, thread_id: string): RunState | undefined {
  if (event.kind === 'RunQueued') return queuedRun(event, thread_id)
  if (run === undefined) return undefined
  const touched = withDispatch(touch(run, event.at), event)
  switch (event.kind) {
    case 'RunStarted':
      return { ...patch(touched, { status: 'running', started_at: event.at }), phase: 'model', step: 1, attempt: 1 }
    case 'RunResumed':
      return patch(touched, { status: 'running', waiting: null })
    case 'RunWaiting':
      return patch(touched, {
        status: 'waiting',
        waiting: { reason: event.payload.reason, tickets: event.payload.tickets, since: event.at },
      })
    case 'RunInterrupted': {
      const { termination, reason, stop_at } = event.payload
      return { ...patch(touched, { status: 'running', waiting: null }), stopping: { termination, reason, stop_at } }
    }
    case 'RunRescheduled':
      if (event.payload.tool_call_id !== undefined) return evolveCalls(touched, event)
      return { ...touched, attempt: event.payload.attempt, not_before: event.payload.available_at }
    case 'RunErrored':
      return patch(touched, {
        ...ended(event.at),
        termination: event.payload.termination,
        error: { code: event.payload.code, message: event.payload.error },
      })
    case 'RunFinished':
      return patch(touched, { ...ended(event.at), termination: event.payload.termination })
    case 'MessageCommitted':
      return committed(touched, event)
    case 'InferenceCompleted':
      return inferred(touched, event)
    case 'ToolCallReady':
    case 'ToolCallDone':
    case 'ToolCallCancelled':
    case 'ToolPermissionRequested':
    case 'ToolPermissionResolved':
      return evolveCalls(touched, event)
    default:
      return touched
  }
}

function queuedRun(event: EventOf<'RunQueued'>, thread_id: string): RunState {
  const { payload, at } = event
  const run_id = event.run_id ?? ''
  return {
    record: {
      run_id,
      thread_id,
      agent_id: payload.agent_id,
      agent_version: null,
      parent_run_id: payload.parent_run_id,
      retry_of: payload.retry_of,
      dispatch_id: payload.dispatch_id,
      status: 'created',
      termination: null,
      waiting: null,
      input: { trigger_message_ids: [], message_seq_from: null, message_seq_to: null },
      output: { message_ids: [] },
      final_output: null,
      error: null,
      steps: 0,
      usage: { input_tokens: 0, output_tokens: 0 },
      metadata: payload.metadata,
      overrides: payload.overrides,
      transport_request_id: payload.transport_request_id,
      created_at: at,
      started_at: null,
      finished_at: null,
      updated_at: at,
    },
    dispatch: {
      dispatch_id: payload.dispatch_id,
      thread_id,
      run_id,
      status: 'queued',
      dispatch_epoch: payload.dispatch_epoch,
      attempt_count: payload.attempt_count,
      max_attempts: payload.max_attempts,
      available_at: payload.available_at,
      claimed_by: null,
      last_error: null,
      created_at: at,
      updated_at: at,
      completed_at: null,
    },
    final_output_ref: null,
    limits: null,
    phase: 'queued',
    step: 0,
    attempt: 0,
    not_before: 0,
    calls: [],
    stopping: null,
  }
}

/** Scheduling events carry what became of the dispatch; the record of it is nothing but the latest of them. */
function withDispatch(run: RunState, event: ThreadEvent): RunState {
  switch (event.kind) {
    case 'RunStarted':
    case 'RunRescheduled':
    case 'RunFinished':
    case 'RunErrored': {
      const { status, attempt_count, available_at } = event.payload
      const over = event.kind === 'RunFinished' || event.kind === 'RunErrored'
      const last_error =
        event.kind === 'RunRescheduled' || event.kind === 'RunErrored' ? event.payload.error : run.dispatch.last_error
      const worker = event.kind === 'RunErrored' ? event.payload.worker : undefined
      const claimed_by = status === 'queued' ? null : (worker ?? run.dispatch.claimed_by)
      const completed_at = over ? event.at : null
      return {
        ...run,
        dispatch: { ...run.dispatch, status, attempt_count, available_at, claimed_by, last_error, completed_at },
      }
    }
    default:
      return run
  }
}

function committed(run: RunState, event: EventOf<'MessageCommitted'>): RunState {
  const { message_id, message_seq, step } = event.payload
  if (step !== null) return patch(run, { output: { message_ids: [...run.record.output.message_ids, message_id] } })
  const { trigger_message_ids, message_seq_from } = run.record.input
  return patch(run, {
    input: {
      trigger_message_ids: [...trigger_message_ids, message_id],
      message_seq_from: message_seq_from ?? message_seq,
      message_seq_to: message_seq,
    },
  })
}

/** A step's answer is in: the next model call, if any, is the next step's first attempt. */
function inferred(run: RunState, event: EventOf<'InferenceCompleted'>): RunState {
  const { step, attempt, usage, agent_version, limits } = event.payload
  const before = run.record.usage
  const record: Partial<RunRecord> = {
    steps: step,
    agent_version,
    usage: { input_tokens: before.input_tokens + usage.input_tokens, output_tokens: before.output_tokens + usage.output_tokens },
  }
  const dispatch = { ...run.dispatch, status: 'claimed' as const, claimed_by: event.payload.worker ?? run.dispatch.claimed_by }
  return {
    ...patch(run, record),
    dispatch,
    limits,
    step: step + 1,
    attempt: 1,
    not_before: 0,
    calls: [],
    final_output_ref: { step, attempt },
  }
}

function ended(at: number): Partial<RunRecord> {
  return { status: 'done', finished_at: at, waiting: null }
}

function touch(run: RunState, at: number): RunState {
  return { ...run, record: { ...run.record, updated_at: at }, dispatch: { ...run.dispatch, updated_at: at } }
}

function patch(run: RunState, record: Partial<RunRecord>): RunState {
  return { ...run, record: { ...run.record, ...record } }
}
