import { nextBatch } from './batch.ts'
import { applyInput, type Input, type Moment } from './input.ts'
import type { LoadResult, ThreadBatch, ThreadRef } from './ports.ts'
import { fromStore } from './state-init.ts'

/** What waits for a thread that is being loaded, in order: whoever loads it can store what comes of that at once. */
export type Begin = { inputs: Input[]; moment: Moment }

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
  return state.needs_reconcile === null ? nextBatch(state) : null
}
