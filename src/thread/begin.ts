import { nextBatch } from './batch.ts'
import { hash128 } from './ids.ts'
import { applyInput, type Input, type Moment } from './input.ts'
import type { LoadResult, ThreadBatch, ThreadRef } from './ports.ts'
import { fromStore } from './state-init.ts'
import { jsonSize } from './json.ts'

/** What waits for a thread that is being loaded, in order: whoever loads it can store what comes of that at once. */
export type Begin = { inputs: Input[]; moment: Moment }

/** More than this would take longer to hand over than a write of its own takes. */
const MOST_INPUTS = 50
const MOST_BYTES = 262_144

/** Whether so much may go along with the loading. */
export function mayGoAlong(inputs: readonly Input[]): boolean {
  return inputs.length > 0 && inputs.length <= MOST_INPUTS && jsonSize(inputs) <= MOST_BYTES
}

/**
 * The first batch of a thread that was just loaded; null where there is none. The thread itself comes to the same one,
 * from the same inputs at the same moment, and finds it stored.
 */
export function firstBatch(
  ref: ThreadRef,
  loaded: Extract<LoadResult, { status: 'loaded' }>,
  { inputs, moment }: Begin,
): ThreadBatch | null {
  const state = inputs.reduce((next, input) => applyInput(next, input, moment).state, fromStore(ref, loaded))
  const batch = state.needs_reconcile === null ? nextBatch(state) : null
  // The end of a run belongs to the trace of its beginning, of which only the thread's own writes know.
  return batch === null || batch.ended.length > 0 ? null : batch
}

/** What a batch says, in short: what goes to an activity goes as JSON, and not all that comes in is the same after that. */
export function markOf({ last_seq, events, ledger }: ThreadBatch): string {
  return hash128(JSON.stringify([last_seq, events, ledger]))
}
