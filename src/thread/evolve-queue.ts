import type { EventOf, ThreadEvent } from './event.ts'
import { DEPARTED_MEMORY } from './limits.ts'
import type { Departed, PendingEntry, ThreadState } from './state.ts'

/** The queue after one event about it. Whatever changes what a reader of the queue sees counts its revision up. */
export function evolveQueue(state: ThreadState, event: ThreadEvent): ThreadState {
  switch (event.kind) {
    case 'PendingDelivered':
      return withQueue(state, [...state.queue, delivered(event)])
    case 'PendingEdited': {
      const { pending_id, revision, role, visibility, metadata, delivery } = event.payload
      const change = { revision, role, visibility, metadata, delivery }
      const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
      return withEntry(state, pending_id, (entry) => ({ ...entry, ...given }))
    }
    case 'PendingHeld': {
      const { pending_id, expires_at } = event.payload
      return withEntry(state, pending_id, (entry) => ({ ...entry, held_until: expires_at }))
    }
    case 'PendingReleased':
      return withEntry(state, event.payload.pending_id, ({ held_until: _until, ...entry }) => entry)
    case 'PendingReordered': {
      const place = new Map(event.payload.pending_ids.map((id, index) => [id, index]))
      const at = ({ pending_id }: PendingEntry): number => place.get(pending_id) ?? place.size
      return withQueue(
        state,
        [...state.queue].sort((a, b) => at(a) - at(b)),
      )
    }
    case 'PendingRetracted':
      return without(state, event, { pending_id: event.payload.pending_id, state: 'retracted' })
    case 'PendingUndelivered': {
      const { pending_id, reason } = event.payload
      return without(state, event, { pending_id, state: 'undelivered', reason })
    }
    case 'MessageCommitted': {
      const { message_id, message_seq, step, read_by_step } = event.payload
      if (step !== null) return state
      const read = read_by_step === undefined ? {} : { step: read_by_step }
      return without(state, event, { pending_id: message_id, state: 'consumed', message_seq, ...read })
    }
    case 'QueueParked':
      return { ...state, parked: true, queue_revision: state.queue_revision + 1 }
    case 'QueueResumed':
      return { ...state, parked: false, queue_revision: state.queue_revision + 1 }
    default:
      return state
  }
}

function delivered({ payload, at }: EventOf<'PendingDelivered'>): PendingEntry {
  const { pending_id, role, visibility, metadata, delivery, agent_id, overrides_key, overrides, for_run_id } = payload
  return {
    pending_id,
    role,
    visibility,
    delivery,
    agent_id,
    overrides_key,
    for_run_id,
    revision: 1,
    created_at: at,
    ...(metadata === undefined ? {} : { metadata }),
    ...(overrides === undefined ? {} : { overrides }),
  }
}

function withEntry(state: ThreadState, pending_id: string, change: (entry: PendingEntry) => PendingEntry): ThreadState {
  return withQueue(
    state,
    state.queue.map((entry) => (entry.pending_id === pending_id ? change(entry) : entry)),
  )
}

/** A queue that holds nothing waits for nothing: it is not parked any more. */
function withQueue(state: ThreadState, queue: PendingEntry[]): ThreadState {
  return { ...state, queue, queue_revision: state.queue_revision + 1, parked: state.parked && queue.length > 0 }
}

function without(state: ThreadState, event: ThreadEvent, left: Omit<Departed, 'run_id' | 'at'>): ThreadState {
  const departed = [...state.departed, { ...left, run_id: event.run_id, at: event.at }].slice(-DEPARTED_MEMORY)
  const queue = state.queue.filter((entry) => entry.pending_id !== left.pending_id)
  return queue.length === state.queue.length ? { ...state, departed } : { ...withQueue(state, queue), departed }
}
