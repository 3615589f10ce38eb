import type { SubmitCommand } from '../command.ts'
import { reject, type Rejection } from '../reply.ts'
import type { PendingEntry, ThreadState } from '../state.ts'
import { activeRun } from '../draft.ts'
import { frozenAt, joining, overridesKey } from './freeze.ts'
import { inputFor } from './queue.ts'
import { untargeted } from './targets.ts'
import type { Route } from './route.ts'

/** Whether a foreground submit could be taken at all, looked at before anything is interrupted (source: seed 001). */
export function preflight(state: ThreadState, command: SubmitCommand, route: Route): Rejection | null {
  if (command.mode !== 'foreground' || state.queue.length === 0) return null
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
  const queue = [...(route.kind === 'join' ? state.queue : afterEnd(state)), probe]
  if (route.kind === 'join' && inputFor(queue, route.run)?.some((taken) => taken.includes(probe)) === true) return null
  const { taken, blocked_by } = frozenAt(queue, delivery.boundary, route.kind === 'join' ? joining(route.run) : undefined)
  if (taken.includes(probe)) return null
  const pending_id = (blocked_by === probe ? taken[0] : blocked_by)?.pending_id ?? ''
  const text = `Pending message "${pending_id}" must be read before this one; retract it, release it, or queue your message behind it.`
  return reject('delivery_blocked', text, { pending_id })
}

/** The queue as it will be once the open run has given way. */
function afterEnd(state: ThreadState): PendingEntry[] {
  const ended = activeRun(state)?.record.run_id
  return state.queue.flatMap((entry) => {
    if (entry.delivery.target_run_id === undefined || entry.delivery.target_run_id !== ended) return [entry]
    return entry.delivery.fallback_to_new_run ? [{ ...entry, delivery: untargeted(entry.delivery) }] : []
  })
}
