import type { SubmitCommand } from '../command.ts'
import type { Delivery } from '../pending.ts'
import { reject, type Rejection } from '../reply.ts'
import type { RunState, ThreadState } from '../state.ts'
import { activeRun } from '../draft.ts'
import { overridesKey } from './freeze.ts'
import { untargeted } from './targets.ts'

/**
 * Where a submit's messages go: `join` the open run (no run of their own), into the `queue` for a run of their own, or
 * to `replace` the open run with one.
 */
export type Route = { kind: 'join'; run: RunState; delivery: Delivery } | { kind: 'queue' | 'replace'; delivery: Delivery }

const NEW_RUN: Delivery = { boundary: 'new_run', granularity: 'batch', barrier: false, fallback_to_new_run: true }
const INTERRUPT: Delivery = { ...NEW_RUN, boundary: 'interrupt' }

/** By mode and by what the thread is doing (source: seeds 000 and 003; the design's table in 4.1). */
export function routeOf(state: ThreadState, command: SubmitCommand): Route | Rejection {
  const route = command.delivery === undefined ? byMode(state, command) : byDelivery(state, command, command.delivery)
  return 'code' in route || route.kind !== 'join' ? route : (agentConflict(route.run, command) ?? route)
}

function byMode(state: ThreadState, command: SubmitCommand): Route | Rejection {
  const run = openRun(state)
  const named = command.run_id === undefined || command.run_id === run?.record.run_id
  const queue: Route = { kind: 'queue', delivery: NEW_RUN }
  // Its run is named after it, so no other may read it and none may be read with it.
  if (command.durable === true) return { kind: 'queue', delivery: { ...NEW_RUN, granularity: 'one' } }
  switch (command.mode) {
    case 'foreground':
      return run !== undefined && isWaiting(run) ? resume(run) : { kind: 'replace', delivery: INTERRUPT }
    case 'queue':
      return run !== undefined && isWaiting(run) ? resume(run) : queue
    case 'live_then_queue':
      if (run === undefined) return queue
      if (isWaiting(run)) return resume(run)
      return named ? { kind: 'join', run, delivery: { ...toRun(run, 'next_step'), fallback_to_new_run: false } } : queue
    case 'interrupt_then_queue':
      return replaces(state, command) ? { kind: 'replace', delivery: INTERRUPT } : queue
    case 'resume_open_run':
      if (run === undefined || !named) return noOpenRun()
      return isWaiting(run) ? resume(run) : { kind: 'join', run, delivery: toRun(run, 'next_step') }
    case 'internal_wake':
      return queue
  }
}

/** There is a run to be replaced, or something is to become of the queue, which counts on an idle thread too. */
function replaces(state: ThreadState, { queue = 'keep' }: SubmitCommand): boolean {
  return activeRun(state) !== undefined || queue !== 'keep'
}

/** The mode still says what becomes of the open run; the delivery says when the messages are read. */
function byDelivery(state: ThreadState, command: SubmitCommand, given: Delivery): Route | Rejection {
  const run = openRun(state)
  if (command.mode === 'resume_open_run' && run === undefined) return noOpenRun()
  const kind = command.mode === 'interrupt_then_queue' && replaces(state, command) ? 'replace' : 'queue'
  // Input for a waiting run is always for the one that is open: nothing else could ever take it.
  const target = given.target_run_id ?? (given.boundary === 'resume_input' ? run?.record.run_id : undefined)
  if (target !== undefined && run?.record.run_id === target && kind === 'queue')
    return { kind: 'join', run, delivery: { ...given, target_run_id: target } }
  if (target === undefined && given.boundary !== 'resume_input') return { kind, delivery: given }
  if (given.fallback_to_new_run) return { kind, delivery: untargeted(given) }
  return reject(
    'run_not_found',
    'The run that these messages are for is not open on this thread, and they may not wait for another.',
  )
}

/** The open run, unless it is being stopped: nothing more can reach that one. */
function openRun(state: ThreadState): RunState | undefined {
  const run = activeRun(state)
  return run?.stopping === null ? run : undefined
}

function isWaiting(run: RunState): boolean {
  return run.record.status === 'waiting'
}

function resume(run: RunState): Route {
  return { kind: 'join', run, delivery: toRun(run, 'resume_input') }
}

function toRun({ record }: RunState, boundary: Delivery['boundary']): Delivery {
  return { ...NEW_RUN, boundary, target_run_id: record.run_id }
}

function noOpenRun(): Rejection {
  return reject('run_not_found', 'No run is open to go on with these messages; send them with mode "queue" to start one.')
}

function agentConflict({ record }: RunState, command: SubmitCommand): Rejection | null {
  const facts = { run_id: record.run_id, agent_id: record.agent_id }
  if (command.agent_id !== undefined && command.agent_id !== record.agent_id) {
    const text = `The open run belongs to agent "${record.agent_id}"; leave agent_id out, queue the messages for a new run, or cancel that run first.`
    return reject('agent_conflict', text, facts)
  }
  if (command.overrides === undefined || overridesKey(command.overrides) === overridesKey(record.overrides)) return null
  const text = 'The open run has begun with other overrides; leave them out, or queue the messages for a new run.'
  return reject('agent_conflict', text, facts)
}
