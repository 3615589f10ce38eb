import { proxyActivities, proxyLocalActivities, sleep, workflowInfo } from '@temporalio/workflow'
import { hasUnstored, nextBatch, stored } from '../src/thread/batch.ts'
import { markOf } from '../src/thread/begin.ts'
import { jsonSize } from '../src/thread/json.ts'
import { MAX_ACTIVITY_INPUT_BYTES } from '../src/thread/limits.ts'
import type { PersistResult, ThreadActivities, ThreadBatch } from '../src/thread/ports.ts'
import type { ThreadState } from '../src/thread/state.ts'
import type { Inbox } from './inbox.ts'

/**
 * A local activity is quick, but holds the workflow task open, so it gets one try of at most a second. When it
 * fails, normal activities take over, which let commands through while they wait, until one has succeeded.
 */
const quick = proxyLocalActivities<Pick<ThreadActivities, 'persist'>>({
  scheduleToCloseTimeout: '1s',
  retry: { maximumAttempts: 1 },
})
/** A batch too large for a history has only this way, and may need more than a second for it. */
const large = proxyLocalActivities<Pick<ThreadActivities, 'persist'>>({
  scheduleToCloseTimeout: '5s',
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
  /** The store holds other facts than we thought, or belongs to another life of the thread: load it again. */
  lost = false
  /** At least one write of this execution has succeeded. */
  hasStored = false
  /** A local activity writes: the task that goes on hears its end. */
  quick = false
  /** About how much this execution has written, in bytes. */
  written = 0
  #write: { batch: ThreadBatch; inputs: number; result: PersistResult | null } | null = null
  #lastWriteAt = -1
  readonly #inbox: Inbox
  readonly #notify: () => void

  constructor(inbox: Inbox, notify: () => void) {
    this.#inbox = inbox
    this.#notify = notify
  }

  /** True when nothing is left to write and nothing is being written. */
  idle(state: ThreadState): boolean {
    return this.#write === null && !hasUnstored(state)
  }

  get writing(): boolean {
    return this.#write !== null
  }

  /** Something is being written, or was in the workflow task that is going on. */
  get touchedThisTask(): boolean {
    return this.#write !== null || this.#lastWriteAt === workflowInfo().historyLength
  }

  /** Begins to write what the state has unstored, unless a write is under way. */
  start(state: ThreadState): void {
    if (this.#write !== null || state.needs_reconcile !== null) return
    const batch = nextBatch(state)
    if (batch === null) return
    this.#count(state, batch)
    const write = { batch, inputs: this.#inbox.length, result: null as PersistResult | null }
    this.#write = write
    void this.#persist(batch).then((result) => {
      write.result = result
      if (result.status === 'stored') this.hasStored = true
      this.#lastWriteAt = workflowInfo().historyLength
      this.lost = result.status === 'fenced' || result.status === 'conflict' || result.status === 'deleted'
      if (this.lost) this.#write = null
      this.#notify()
    })
  }

  /** The state of a thread that was loaded, with what went along with that; `mark`: of what was stored of it then. */
  begun(state: ThreadState, mark: string | null): ThreadState {
    const batch = mark === null ? null : nextBatch(state)
    // Where it came to something else than was stored, a write finds that out.
    if (batch === null || markOf(batch) !== mark) return state
    this.#count(state, batch)
    this.#lastWriteAt = workflowInfo().historyLength
    this.#inbox.confirm(this.#inbox.length)
    return stored(state, batch)
  }

  /** The state with the outcome of the last write taken in. */
  settle(state: ThreadState): ThreadState {
    if (this.#write?.result == null) return state
    const { batch, inputs, result } = this.#write
    this.#write = null
    if (result.status === 'gap') {
      const problem = `the store ends at event ${String(result.last_seq)}, this thread is at ${String(batch.last_seq)}`
      return { ...state, needs_reconcile: problem }
    }
    this.#inbox.confirm(inputs)
    return stored(state, batch)
  }

  /** What a replay must go through again grows with what was written, the snapshots above all. */
  #count({ unstored }: ThreadState, { waiting }: ThreadBatch): void {
    this.written += unstored.bytes + 1_000 + (waiting?.length ?? 0)
  }

  async #persist(batch: ThreadBatch): Promise<PersistResult> {
    // A normal activity's input stands in the history and must stay below what ends a workflow; a local one's does not.
    while (!this.degraded || jsonSize(batch) > MAX_ACTIVITY_INPUT_BYTES) {
      try {
        this.quick = true
        const result = await (this.degraded ? large : quick).persist(batch)
        this.quick = false
        this.degraded = false
        return result
      } catch {
        this.quick = false
        const again = this.degraded
        this.degraded = true
        this.#notify()
        if (again) await sleep('1s')
      }
    }
    const result = await patient.persist(batch)
    this.degraded = false
    return result
  }
}
