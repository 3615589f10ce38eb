import type { ThreadEvent } from './event.ts'
import { evolveRun } from './evolve-run.ts'
import { evolveQueue } from './evolve-queue.ts'
import { DECIDED_MEMORY } from './limits.ts'
import { patched } from './json.ts'
import type { ThreadState } from './state.ts'

/**
 * The state after one event. Total: an event that does not fit (a run that is unknown) changes nothing but the
 * numbers. Folding it over a thread's log from `emptyThread` gives the state again, apart from the ledger.
 */
export function evolve(state: ThreadState, event: ThreadEvent): ThreadState {
  const numbered: ThreadState = { ...state, event_seq: event.seq, last_activity_at: event.at }
  return evolveThread(evolveRuns(numbered, event), event)
}

function evolveRuns(state: ThreadState, event: ThreadEvent): ThreadState {
  if (event.run_id === null) return state
  const before = state.runs[event.run_id]
  const after = evolveRun(before, event, state.thread_id)
  if (after === undefined || after === before) return state
  if (after.record.status !== 'done') return { ...state, runs: { ...state.runs, [event.run_id]: after } }
  const runs = runsBut(state.runs, event.run_id)
  return { ...state, runs, active_run_id: state.active_run_id === event.run_id ? null : state.active_run_id }
}

/** One by one: to leave a key of a large object out by `...rest` takes fifteen times as long, and an interrupt may end them all. */
function runsBut(runs: ThreadState['runs'], ended: string): ThreadState['runs'] {
  const left: ThreadState['runs'] = {}
  for (const [run_id, run] of Object.entries(runs)) if (run_id !== ended) left[run_id] = run
  return left
}

function evolveThread(state: ThreadState, event: ThreadEvent): ThreadState {
  switch (event.kind) {
    case 'RunStarted':
      return { ...state, active_run_id: event.run_id, latest_agent_id: event.payload.agent_id }
    case 'RunInterrupted':
    case 'RunFinished':
      return { ...state, dispatch_epoch: Math.max(state.dispatch_epoch, event.payload.dispatch_epoch) }
    case 'MessageCommitted': {
      const { message_id, message_seq } = event.payload
      return { ...evolveQueue(state, event), message_seq, last_message_id: message_id }
    }
    case 'PendingDelivered':
    case 'PendingEdited':
    case 'PendingHeld':
    case 'PendingReleased':
    case 'PendingReordered':
    case 'PendingRetracted':
    case 'PendingUndelivered':
    case 'QueueParked':
    case 'QueueResumed':
      return evolveQueue(state, event)
    case 'ToolPermissionResolved': {
      const { ticket_id, tool_call_id, decision_id, decided_by } = event.payload
      const decided = { ticket_id, tool_call_id, run_id: event.run_id ?? '', decision_id, decided_by, decided_at: event.at }
      return { ...state, decided: [...state.decided, decided].slice(-DECIDED_MEMORY) }
    }
    case 'ThreadUpdated': {
      const { allowed_tools = state.allowed_tools, state_patch } = event.payload
      return { ...state, allowed_tools, shared: state_patch === undefined ? state.shared : patched(state.shared, state_patch) }
    }
    case 'ThreadForked': {
      const { at_message_seq, last_message_id, agent_id, state: shared } = event.payload
      return { ...state, message_seq: at_message_seq, last_message_id, latest_agent_id: agent_id, shared }
    }
    default:
      return state
  }
}
