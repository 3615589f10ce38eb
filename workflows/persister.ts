import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow'
import { nextBatch, stored } from '../src/thread/batch.ts'
import type { PersistBatch, PersistResult, ThreadActivities } from '../src/thread/ports.ts'
import type { ThreadState } from '../src/thread/state.ts'

/**
 * A local activity is quick, but holds the workflow task open, so it gets one try of at most a second. When it
 * fails, normal activities take over, which let commands through while they wait, until one has succeeded.
 */
const quick = proxyLocalActivities<Pick<ThreadActivities, 'persist'>>({
  scheduleToCloseTimeout: '1s',
  retry: { maximumAttempts: 1 },
})
const patient = proxyActivities<Pick<ThreadActivities, 'persist'>>({
  startToCloseTimeout: '5s',
  retry: { initialInterval: '500ms', backoffCoefficient: 1.5, maximumInterval: '3s' },
  summary: 'store the log (the store was away)',
})

/** Writes what is unstored, one batch at a time, while the thread goes on. */
export class Persister {
  /** The store is behind: the last quick write failed and no patient one has succeeded yet. */
  degraded = false
  /** Set when the rows are no longer ours to write. */
  lost: 'fenced' | 'deleted' | null = null
  #busy = false
  #done: { batch: PersistBatch; result: PersistResult } | null = null
  readonly #notify: () => void

  constructor(notify: () => void) {
    this.#notify = notify
  }

  /** True when nothing is left to write and nothing is being written. */
  idle(state: ThreadState): boolean {
    return !this.#busy && this.#done === null && nextBatch(state) === null
  }

  /** Begins to write what the state has unstored, unless a write is under way. */
  start(state: ThreadState): void {
    if (this.#busy || this.lost !== null || state.needs_reconcile !== null) return
    const batch = nextBatch(state)
    if (batch === null) return
    this.#busy = true
    void this.#write(batch).then((result) => {
      this.#busy = false
      this.#done = { batch, result }
      this.#notify()
    })
  }

  /** The state with the outcome of the last write taken in. */
  settle(state: ThreadState): ThreadState {
    if (this.#done === null) return state
    const { batch, result } = this.#done
    this.#done = null
    switch (result.status) {
      case 'stored':
        return stored(state, batch)
      case 'gap':
        return {
          ...state,
          needs_reconcile: `the store ends at event ${String(result.last_seq)}, this thread is at ${String(batch.last_seq)}`,
        }
      case 'deleted':
        this.lost = 'deleted'
        return state
      case 'fenced':
      case 'conflict':
        this.lost = 'fenced'
        return state
    }
  }

  async #write(batch: PersistBatch): Promise<PersistResult> {
    if (!this.degraded) {
      try {
        return await quick.persist(batch)
      } catch {
        this.degraded = true
      }
    }
    const result = await patient.persist(batch)
    this.degraded = false
    return result
  }
}
