import type { CancelCommand, InterruptCommand } from '../command.ts'
import type { JsonObject } from '../json.ts'
import { reject, type Rejection } from '../reply.ts'
import type { RunState } from '../state.ts'
import { activeRun, type Draft } from '../draft.ts'
import { stopRun } from './ends.ts'
import { lookAtQueue, parkQueue, startNext, supersedeQueue, unparkQueue } from './queue.ts'
import { finish } from './runs.ts'
import { undeliver } from './targets.ts'

/** Stops the open run and treats the queue as told (source: seed 000, `interrupt_thread`). */
export function interrupt(draft: Draft, command: InterruptCommand): JsonObject | Rejection {
  const run = activeRun(draft.state)
  if (run === undefined && draft.state.queue.length === 0) {
    return reject('nothing_to_interrupt', 'Nothing runs on this thread and nothing is queued.')
  }
  const undelivered = undeliveredBy(draft, command, run?.record.run_id)
  const superseded = command.queue === 'supersede' ? supersedeQueue(draft) : 0
  if (command.queue === 'park') parkQueue(draft)
  if (run !== undefined) stopRun(draft, run.record.run_id, { type: 'cancelled' }, 'interrupted')
  else startNext(draft)
  return {
    thread_id: draft.state.thread_id,
    superseded_dispatches: superseded,
    undelivered_messages: undelivered,
    run_id: run?.record.run_id ?? null,
  }
}

/**
 * How many messages nobody will read for this interrupt: the queue that is superseded, or what was meant for the run
 * that ends and for no other. The run may take a moment to end, and these with it.
 */
function undeliveredBy({ state }: Draft, { queue }: InterruptCommand, run_id: string | undefined): number {
  if (queue === 'supersede') return state.queue.length
  return state.queue.filter(
    ({ delivery }) => delivery.target_run_id === run_id && run_id !== undefined && !delivery.fallback_to_new_run,
  ).length
}

/** Lets a parked queue go on; one that is not parked stays as it is. */
export function resumeQueue(draft: Draft): JsonObject {
  const resumed = unparkQueue(draft)
  if (resumed) lookAtQueue(draft)
  const { thread_id, queue, active_run_id } = draft.state
  return { thread_id, resumed, pending: queue.length, run_id: active_run_id }
}

/**
 * Cancels one run: the open one, or the one that the id names (a run's or a dispatch's id; the thread's own id means
 * the open run). A queued run takes its messages with it.
 */
export function cancel(draft: Draft, command: CancelCommand): JsonObject | Rejection {
  const { state } = draft
  const id = command.run_id
  const run = id === undefined || id === state.thread_id ? activeRun(state) : findRun(draft, id)
  if (run === undefined) return reject('run_not_found', 'There is no open or queued run of this id to cancel.')
  const { run_id } = run.record
  if (run.record.status === 'created') {
    for (const entry of state.queue) if (entry.for_run_id === run_id) undeliver(draft, entry, 'its run was cancelled')
    finish(draft, run, { type: 'cancelled' })
    lookAtQueue(draft)
  } else stopRun(draft, run_id, { type: 'cancelled' }, 'cancelled')
  return { thread_id: state.thread_id, run_id }
}

function findRun(draft: Draft, id: string): RunState | undefined {
  return Object.values(draft.state.runs).find((run) => run.record.run_id === id || run.dispatch.dispatch_id === id)
}
