import { LRUCache } from 'lru-cache'
import type { ThreadRef } from '../thread/ports.ts'
import type { TranscriptRow } from './store.ts'

/** In UTF-16 units, of all threads together. */
const MOST = 32 * 1_048_576
/** More than any model can read of one conversation: about two million tokens. */
const MOST_OF_ONE = 8 * 1_048_576
/** What a row takes beside its content. */
const ROW = 200
/** Reading all of it again now and then costs little, and ends whatever somebody has changed by hand in the tables. */
const KEPT_MS = 10 * 60_000

/** `seen_at`: when the store last had the last of them, by this process's clock (ms). */
type Kept = { rows: readonly TranscriptRow[]; size: number; seen_at: number }

/**
 * Conversations as this process has read or stored them. Committed messages never change, so the next step needs only
 * what has come since. Not so in a store that was set back to a backup and has gone on from there, nor after a deletion:
 * whoever takes rows from here compares the last of them with the store's first, or wants them seen in the store lately.
 */
export class TranscriptCache {
  readonly #kept = new LRUCache<string, Kept>({
    maxSize: MOST,
    maxEntrySize: MOST_OF_ONE,
    sizeCalculation: ({ size }) => size,
    ttl: KEPT_MS,
    // Counted from when all of it was read or stored.
    noUpdateTTL: true,
  })

  /** Messages 1 to at most `through` of the conversation, without gaps; none if it is not known. */
  get(ref: ThreadRef, through: number): readonly TranscriptRow[] {
    const rows = this.#kept.get(keyOf(ref))?.rows ?? []
    return rows.length <= through ? rows : rows.slice(0, through)
  }

  /** The same as a list of the caller's own, where all of it is known and the store had it at most `within_ms` ago. */
  getLately(ref: ThreadRef, through: number, within_ms: number): readonly TranscriptRow[] | null {
    const known = this.#kept.get(keyOf(ref))
    if (known === undefined || known.rows.length < through || performance.now() - known.seen_at > within_ms) return null
    return known.rows.slice(0, through)
  }

  /** Keeps what the store has said, unless it is less than is known or has gaps, which a repair may still fill. */
  put(ref: ThreadRef, rows: readonly TranscriptRow[]): void {
    const known = this.#kept.get(keyOf(ref))
    if (rows.at(-1)?.message_seq !== rows.length) return
    if (rows.length > (known?.rows.length ?? 0)) this.#keep(ref, known, rows)
    else if (known?.rows.length === rows.length) known.seen_at = performance.now()
  }

  /**
   * Keeps what this process has just stored, where it goes on from what the store was seen to have at most `within_ms`
   * ago: of what lies back longer, only the store knows whether it is still there.
   */
  append(ref: ThreadRef, rows: readonly TranscriptRow[], within_ms: number): void {
    const before = (rows[0]?.message_seq ?? 0) - 1
    const known = this.#kept.get(keyOf(ref))
    const lately = known !== undefined && performance.now() - known.seen_at <= within_ms
    // These numbers were given out anew, so that what is known by them is gone.
    if (known !== undefined && known.rows.length > before) return this.drop(ref)
    const fits = before === 0 || (lately && known.rows.length === before)
    if (fits && rows.at(-1)?.message_seq === before + rows.length) this.#keep(ref, known, [...(known?.rows ?? []), ...rows])
  }

  #keep(ref: ThreadRef, known: Kept | undefined, rows: readonly TranscriptRow[]): void {
    const fresh = rows.slice(known?.rows.length ?? 0)
    const size = fresh.reduce((sum, row) => sum + ROW + JSON.stringify(row.content).length, known?.size ?? 0)
    // A list of its own: callers have theirs.
    this.#kept.set(keyOf(ref), { rows: [...rows], size, seen_at: performance.now() })
  }

  drop(ref: ThreadRef): void {
    this.#kept.delete(keyOf(ref))
  }
}

export function keyOf({ tenant, thread_id }: ThreadRef): string {
  return `${tenant}/${thread_id}`
}
