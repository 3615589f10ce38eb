import { activeRun, type Draft } from '../draft.ts'
import type { ThreadState } from '../state.ts'
import { cancelCall } from './calls.ts'
import { failRun } from './ends.ts'
import { startNext } from './queue.ts'
import { loaded } from './time.ts'

/** The code and the reason of a run that had gone on behind what a restored store knows. */
export const STORE_RESTORED = 'store_restored'

/** The last number that this thread knows to be stored. */
export function storedSeq({ event_seq, unstored }: ThreadState): number {
  return event_seq - unstored.events.length
}

/** Whether a thread that is told how far the store's log goes must take the store's word for what it is. */
export function mustAdopt(state: ThreadState, last_seq: number): boolean {
  return state.needs_reconcile !== null || storedSeq(state) > last_seq
}

/**
 * The thread has been loaded from a store that had been set back, or that had been out of step with itself. Facts
 * behind `store_seq` up to `known_seq` are gone: what the open run has done meanwhile nobody can tell, so it ends, and
 * the queue goes on. Where nothing is gone the thread goes on like any that was started again.
 */
export function adopted(draft: Draft, report: { known_seq: number; store_seq: number }): void {
  const { known_seq, store_seq } = report
  if (known_seq <= store_seq) {
    loaded(draft)
    return
  }
  // A thread that is loaded once more has this behind it.
  if (draft.state.event_seq !== store_seq) return
  const run = activeRun(draft.state)
  if (run === undefined) {
    startNext(draft)
    return
  }
  const { run_id } = run.record
  for (const call of run.calls)
    if (call.status !== 'done') cancelCall(draft, run_id, call, 'the store was restored from a backup; its outcome is unknown')
  const text = `store_restored: the store was set back to event ${String(store_seq)}, this thread had come to ${String(known_seq)}`
  failRun(draft, run_id, STORE_RESTORED, text)
}
