import { LRUCache } from 'lru-cache'
import { jsonSize, type Json } from '../thread/json.ts'
import type { ThreadRef } from '../thread/ports.ts'
import type { StagedKey } from './store.ts'

/** In UTF-16 units, of all threads together. */
const MOST = 8 * 1_048_576
const MOST_OF_ONE = 262_144
/** A step's end is written right after it. Later, a store that was set back may have another value under the same name. */
const KEPT_MS = 30_000

/**
 * What this process has staged lately. The worker that ran a step mostly writes down the step's end too, and need not
 * ask the store for what it has just put there. Only what is known to be stored is in here.
 */
export class StagedCache {
  readonly #values = new LRUCache<string, { value: Json }>({
    maxSize: MOST,
    maxEntrySize: MOST_OF_ONE,
    ttl: KEPT_MS,
    sizeCalculation: ({ value }) => jsonSize(value) + 100,
  })

  get(ref: ThreadRef, at: Omit<StagedKey, keyof ThreadRef> & { part: string }): Json | undefined {
    return this.#values.get(keyOf(ref, at))?.value
  }

  /** Writes these parts by `write`, which says whether it has; until then nobody is told the old values or the new. */
  async around(key: StagedKey, parts: { part: string; value: Json }[], write: () => Promise<boolean>): Promise<void> {
    const keys = parts.map(({ part }) => keyOf(key, { ...key, part }))
    for (const one of keys) this.#values.delete(one)
    if (!(await write())) return
    for (const [index, { value }] of parts.entries()) this.#values.set(keys[index] ?? '', { value })
  }
}

function keyOf(ref: ThreadRef, { run_id, step, attempt, part }: Omit<StagedKey, keyof ThreadRef> & { part: string }): string {
  return JSON.stringify([ref.tenant, ref.thread_id, run_id, step, attempt, part])
}
