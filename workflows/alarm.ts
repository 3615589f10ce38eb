import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow'

/** One timer that can be moved. Moving it to the time it already has costs nothing. */
export class Alarm {
  #at: number | null = null
  #scope: CancellationScope | null = null
  readonly #ring: () => void

  constructor(ring: () => void) {
    this.#ring = ring
  }

  /** Rings at `at` (ms since the epoch); null: not at all. */
  set(at: number | null): void {
    if (at === this.#at) return
    this.#scope?.cancel()
    this.#scope = null
    this.#at = at
    if (at !== null) this.#arm(at)
  }

  /** As `set`, but a timer that is running stays as it is, and whoever it wakes looks at the time again. */
  setUnlessArmed(at: number): void {
    if (this.#at === null) this.set(at)
  }

  #arm(at: number): void {
    const scope = new CancellationScope({ cancellable: true })
    this.#scope = scope
    const wait = Math.max(1, at - Date.now())
    void scope
      .run(() => sleep(wait))
      .then(() => {
        if (this.#scope !== scope) return
        this.#scope = null
        this.#at = null
        this.#ring()
      })
      .catch((error: unknown) => {
        if (!isCancellation(error)) throw error
      })
  }
}
