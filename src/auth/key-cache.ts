import type { ApiKeyRow, ApiKeyRows } from '../store/api-keys.ts'

export type KnownKey = ApiKeyRow & { hash: string }

type LookUp = () => Promise<KnownKey | null>

export type KeyCache = {
  /**
   * The key as the store had it at most `ttl_ms` ago; null for one that it did not have. An id that this process has
   * not seen as a key is looked up by way of `through`. Throws `StoreUnavailable`, and what `through` throws.
   */
  get(key_id: string, through?: (look: LookUp) => Promise<KnownKey | null>): Promise<KnownKey | null>
  /** Notes that it has opened something, now and then in the store. */
  used(key_id: string): void
  /** The next `get` asks the store. */
  forget(key_id: string): void
}

const MAX_KEYS = 10_000
/** Uses are noted as often as this, for each key and process. */
const TOUCH_MS = 300_000

type Entry = { row: KnownKey; at: number; touched_at: number }

/** Keys by id, so that a request costs no round trip to the store. Many at once for one id ask once. */
export function createKeyCache(keys: ApiKeyRows, ttl_ms: number): KeyCache {
  const entries = new Map<string, Entry>()
  /** Counts what was forgotten: a row that was on its way meanwhile is of before. */
  let forgotten = 0
  /** Ids that were no key when they were looked up, and when that was; the oldest go first. */
  const none = new Map<string, number>()
  const asking = new Map<string, Promise<KnownKey | null>>()

  async function ask(key_id: string, before: Entry | undefined): Promise<KnownKey | null> {
    const at = Date.now()
    const before_that = forgotten
    const row = await keys.find(key_id)
    none.delete(key_id)
    if (row === null && forgotten === before_that) {
      none.set(key_id, at)
      const [oldest] = none.keys()
      if (none.size > MAX_KEYS && oldest !== undefined) none.delete(oldest)
    }
    // Rows are few and their readers are many; ids that are made up must not push them out.
    entries.delete(key_id)
    if (row !== null && forgotten === before_that) {
      entries.set(key_id, { row, at, touched_at: before?.touched_at ?? row.last_used_at ?? 0 })
      const [oldest] = entries.keys()
      if (entries.size > MAX_KEYS && oldest !== undefined) entries.delete(oldest)
    }
    return row
  }

  const isNone = (key_id: string): boolean => Date.now() - (none.get(key_id) ?? -Infinity) < ttl_ms

  return {
    async get(key_id, through) {
      const look: LookUp = async () => {
        const entry = entries.get(key_id)
        if (entry !== undefined && Date.now() - entry.at < ttl_ms) return entry.row
        if (isNone(key_id)) return null
        const under_way = asking.get(key_id)
        if (under_way !== undefined) return await under_way
        const asked = ask(key_id, entry).finally(() => asking.delete(key_id))
        asking.set(key_id, asked)
        return await asked
      }
      const direct = through === undefined || isNone(key_id) || entries.has(key_id)
      return await (direct ? look() : through(look))
    },
    used(key_id) {
      const entry = entries.get(key_id)
      const now = Date.now()
      if (entry === undefined || now - entry.touched_at < TOUCH_MS) return
      entry.touched_at = now
      // Nobody waits for it, and nothing depends on it.
      keys.touch(key_id, now).catch(() => undefined)
    },
    forget(key_id) {
      forgotten += 1
      entries.delete(key_id)
      none.delete(key_id)
      asking.delete(key_id)
    },
  }
}
