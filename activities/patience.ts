import { setTimeout as delay } from 'node:timers/promises'
import { StoreUnavailable } from '../src/store/store.ts'
import type { StopWatch } from './stop-watch.ts'

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 1_000

/**
 * Asks the store again and again while it is away, until the activity must stop (then Stopped). A store that is
 * away delays a run; it must neither fail it nor make a model or a tool work twice.
 */
export async function patiently<T>(watch: StopWatch, ask: () => Promise<T>): Promise<T> {
  for (let wait_ms = FIRST_WAIT_MS; ; wait_ms = Math.min(wait_ms * 2, LONGEST_WAIT_MS)) {
    try {
      return await watch.race(ask())
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      await watch.race(delay(wait_ms))
    }
  }
}

/** Like `patiently`, for the little time that is left once the activity must stop. True when it worked. */
export async function hastily(within_ms: number, ask: () => Promise<unknown>): Promise<boolean> {
  const end = Date.now() + within_ms
  for (let wait_ms = FIRST_WAIT_MS; ; wait_ms *= 2) {
    try {
      const late = delay(Math.max(end - Date.now(), 0), false, { ref: false })
      return await Promise.race([ask().then(() => true), late])
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || Date.now() + wait_ms > end) return false
      await delay(wait_ms)
    }
  }
}
