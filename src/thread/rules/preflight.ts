import type { SubmitCommand } from '../command.ts'
import { reject, type Rejection } from '../reply.ts'
import { laneOf } from '../pending.ts'
import type { PendingEntry, ThreadState } from '../state.ts'
import { activeRun } from '../draft.ts'
import { frozenAt, joining, overridesKey } from './freeze.ts'
import { inputFor } from './queue.ts'
import { untargeted } from './targets.ts'
import type { Route } from './route.ts'

/**
 * Whether a submit that must be read next could be taken at all, looked at before anything is interrupted (source: seed
 * 001): a foreground one, and one that parks the queue behind itself, which would otherwise be parked with it.
 */
export function preflight(state: ThreadState, command: SubmitCommand, route: Route, now: number): Rejection | null {
  const parks = command.mode === 'interrupt_then_queue' && command.queue === 'park'
  if ((command.mode !== 'foreground' && !parks) || state.queue.length === 0) return null
  if (command.queue === 'supersede' && route.kind === 'replace') return null
  const { delivery } = route
  const probe: PendingEntry = {
    pending_id: '',
    role: 'user',
    visibility: 'external',
    revision: 0,
    delivery,
    agent_id: command.agent_id ?? state.latest_agent_id ?? 'default',
    overrides_key: overridesKey(command.overrides),
    for_run_id: null,
    created_at: 0,
  }
  const before = (route.kind === 'join' ? state.queue : afterEnd(state)).map((entry) => withoutPastHold(entry, now))
  const queue = [...before, probe]
  if (route.kind === 'join' && inputFor(queue, route.run)?.some((taken) => taken.includes(probe)) === true) return null
  const { taken, blocked_by } = frozenAt(queue, delivery.boundary, route.kind === 'join' ? joining(route.run) : undefined)
  if (taken.includes(probe)) return null
  const held = before.find((entry) => entry.held_until !== undefined && laneOf(entry.delivery) === laneOf(delivery))
  const pending_id = (blocked_by === probe ? (taken[0] ?? held) : (blocked_by ?? held))?.pending_id ?? ''
  const text = `Pending message "${pending_id}" must be read before this one; retract it, release it, or queue your message behind it.`
  return reject('delivery_blocked', text, { pending_id })
}

/** A hold that is over stands in nobody's way, whether or not the thread has looked at it since. */
function withoutPastHold(entry: PendingEntry, now: number): PendingEntry {
  if (entry.held_until === undefined || entry.held_until > now) return entry
  const { held_until: _over, ...rest } = entry
  return rest
}

/** The queue as it will be once the open run has given way. */
function afterEnd(state: ThreadState): PendingEntry[] {
  const ended = activeRun(state)?.record.run_id
  return state.queue.flatMap((entry) => {
    if (entry.delivery.target_run_id === undefined || entry.delivery.target_run_id !== ended) return [entry]
    return entry.delivery.fallback_to_new_run ? [{ ...entry, delivery: untargeted(entry.delivery) }] : []
  })
}
