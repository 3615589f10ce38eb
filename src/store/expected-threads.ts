import { LRUCache } from 'lru-cache'
import type { ThreadRef } from '../thread/ports.ts'

const MOST = 1_000
/** A command is with its thread within milliseconds, or later than anybody should guess. */
const KEPT_MS = 5_000

/** Threads that the commands under way in this process will make. A guess that is wrong costs one statement. */
export class ExpectedThreads {
  readonly #keys: LRUCache<string, true>

  constructor(kept_ms = KEPT_MS) {
    this.#keys = new LRUCache({ max: MOST, ttl: kept_ms })
  }

  add({ tenant, thread_id }: ThreadRef): void {
    this.#keys.set(`${tenant}/${thread_id}`, true)
  }

  /** Whether it is expected; only once. */
  take({ tenant, thread_id }: ThreadRef): boolean {
    const key = `${tenant}/${thread_id}`
    // Taking away what is too old would say that it was there.
    return this.#keys.has(key) && this.#keys.delete(key)
  }
}
