import { LRUCache } from 'lru-cache'
import type { ThreadRef } from '../thread/ports.ts'
import type { RunRecord } from '../thread/records.ts'
import { needsScrubbing } from './json-text.ts'
import type { ModelInput, TranscriptRow } from './store.ts'
import { keyOf, TranscriptCache } from './transcript-cache.ts'

/** A step begins right after what it reads was stored. Later, the store may have been set back to a backup meanwhile. */
const LATELY_MS = 3_000
/** In UTF-16 units, of all records together. */
const MOST = 4 * 1_048_576
const MOST_OF_ONE = 262_144

/** What a transaction has added to a conversation, with the records of the runs that it touched. */
export type Wrote = { messages: readonly TranscriptRow[]; records: readonly RunRecord[] }

/**
 * What model steps read, as this process knows it. The worker that stores a run's beginning mostly runs its first step
 * too, and need not ask the store for what it has just put there.
 */
export class StepInputs {
  readonly transcripts = new TranscriptCache()
  /** Of each thread the run that was told of last. */
  readonly #records = new LRUCache<string, RunRecord>({
    maxSize: MOST,
    maxEntrySize: MOST_OF_ONE,
    ttl: LATELY_MS,
  })

  /** Only after the commit. A record that the store keeps otherwise than it was given is left for the store to say. */
  wrote(ref: ThreadRef, { messages, records }: Wrote): void {
    if (messages.length > 0) this.transcripts.append(ref, messages, LATELY_MS)
    for (const record of records.filter(({ status }) => status === 'running')) {
      const text = JSON.stringify(record)
      if (!needsScrubbing(text)) this.#records.set(keyOf(ref), record, { size: text.length })
    }
  }

  /** It was deleted. */
  forget(ref: ThreadRef): void {
    this.transcripts.drop(ref)
    this.#records.delete(keyOf(ref))
  }

  /** A step's input where this process has just stored it, each time for one reader; else null. */
  take(ref: ThreadRef, { run_id, through }: { run_id: string; through: number }): ModelInput | null {
    const record = this.#records.get(keyOf(ref))
    if (record?.run_id !== run_id) return null
    this.#records.delete(keyOf(ref))
    const transcript = this.transcripts.getLately(ref, through, LATELY_MS)
    return transcript === null ? null : { record, transcript }
  }
}
