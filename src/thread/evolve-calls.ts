import type { ThreadEvent } from './event.ts'
import type { RunState, ToolCall } from './state.ts'

/** The tool calls of the open step after one event. When every call has its result, it is the model's turn again. */
export function evolveCalls(run: RunState, event: ThreadEvent): RunState {
  switch (event.kind) {
    case 'ToolCallReady': {
      const { tool_call_id, tool_name, step, model_attempt, disposition, repeatable, timeout_ms } = event.payload
      const call: ToolCall = {
        tool_call_id,
        tool_name,
        step,
        model_attempt,
        disposition,
        repeatable,
        timeout_ms,
        status: 'ready',
        attempt: 1,
        ticket: null,
        edited_args_seq: null,
        arguments_staged: event.refs !== undefined,
      }
      return { ...run, phase: 'tools', calls: [...run.calls, call] }
    }
    case 'ToolPermissionRequested': {
      const { ticket } = event.payload
      return withCall(run, ticket.tool_call_id, { status: 'waiting', ticket })
    }
    case 'ToolPermissionResolved': {
      const { tool_call_id, approved, answered, edited_args_seq } = event.payload
      if (!approved || answered) return run // its result follows as an event of its own
      return withCall(run, tool_call_id, { status: 'ready', disposition: 'run', ticket: null, edited_args_seq })
    }
    case 'RunRescheduled':
      return withCall(run, event.payload.tool_call_id ?? '', { attempt: event.payload.attempt })
    case 'ToolCallDone':
    case 'ToolCallCancelled': {
      const done = withCall(run, event.payload.tool_call_id, { status: 'done', ticket: null })
      return done.calls.every((call) => call.status === 'done') ? { ...done, phase: 'model' } : done
    }
    default:
      return run
  }
}

function withCall(run: RunState, tool_call_id: string, change: Partial<ToolCall>): RunState {
  return { ...run, calls: run.calls.map((call) => (call.tool_call_id === tool_call_id ? { ...call, ...change } : call)) }
}
