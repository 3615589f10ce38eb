import type { ThreadEvent } from './event.ts'
import { evolveRun } from './evolve-run.ts'
import { DECIDED_MEMORY } from './limits.ts'
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
  const { [event.run_id]: _ended, ...runs } = state.runs
  return { ...state, runs, active_run_id: state.active_run_id === event.run_id ? null : state.active_run_id }
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
      return { ...withoutPending(state, message_id), message_seq, last_message_id: message_id }
    }
    case 'PendingDelivered': {
      const { pending_id, role, visibility, metadata, delivery, agent_id, overrides_key, for_run_id } = event.payload
      const entry = {
        pending_id,
        role,
        visibility,
        delivery,
        agent_id,
        overrides_key,
        for_run_id,
        revision: 1,
        created_at: event.at,
      }
      const queue = [...state.queue, metadata === undefined ? entry : { ...entry, metadata }]
      return { ...state, queue, queue_revision: state.queue_revision + 1 }
    }
    case 'PendingUndelivered':
      return withoutPending(state, event.payload.pending_id)
    case 'QueueParked':
      return { ...state, parked: true }
    case 'QueueResumed':
      return { ...state, parked: false }
    case 'ToolPermissionResolved': {
      const { ticket_id, tool_call_id, decision_id, decided_by } = event.payload
      const decided = { ticket_id, tool_call_id, run_id: event.run_id ?? '', decision_id, decided_by, decided_at: event.at }
      return { ...state, decided: [...state.decided, decided].slice(-DECIDED_MEMORY) }
    }
    case 'ThreadUpdated':
      return { ...state, allowed_tools: event.payload.allowed_tools }
    default:
      return state
  }
}

function withoutPending(state: ThreadState, pending_id: string): ThreadState {
  const queue = state.queue.filter((entry) => entry.pending_id !== pending_id)
  return queue.length === state.queue.length ? state : { ...state, queue, queue_revision: state.queue_revision + 1 }
}
