import { createHash } from 'node:crypto'
import { expandBatch } from '../../../src/thread/batch.ts'
import { unpacked } from '../../../src/thread/packed.ts'
import type { ThreadEvent } from '../../../src/thread/event.ts'
import type { LoadInput, LoadResult, PersistResult, ThreadBatch } from '../../../src/thread/ports.ts'
import type { LedgerEntry, Snapshot, ThreadSettings } from '../../../src/thread/state.ts'

/** What the real store's contract says of one thread's writers, in memory: epochs, numbers, repeats, conflicts, gaps. */
export class MemoryStore {
  epoch = 0
  /** How often a writer came with other facts than are stored. */
  conflicts = 0
  events: ThreadEvent[] = []
  snapshot: Snapshot | null = null
  readonly ledger = new Map<string, LedgerEntry>()
  readonly staged = new Set<string>()
  readonly settings: ThreadSettings
  readonly #hashes: string[] = []

  constructor(settings: ThreadSettings) {
    this.settings = settings
  }

  get last_seq(): number {
    return this.events.length
  }

  load({ epoch = 0 }: LoadInput): LoadResult {
    this.epoch = Math.max(this.epoch, epoch) + 1
    const ledger = [...this.ledger.values()].sort((a, b) => a.at - b.at || (a.command_id < b.command_id ? -1 : 1))
    return {
      status: 'loaded',
      epoch: this.epoch,
      last_seq: this.last_seq,
      snapshot: this.snapshot,
      ledger,
      settings: this.settings,
    }
  }

  persist(given: ThreadBatch): PersistResult {
    const batch = expandBatch(given)
    const presumed = batch.events[0] === undefined ? batch.last_seq : batch.events[0].seq - 1
    if (this.epoch > batch.epoch) return { status: 'fenced' }
    if (presumed > this.last_seq) return { status: 'gap', last_seq: this.last_seq }
    const repeated = batch.events.filter((event) => event.seq <= this.last_seq)
    if (repeated.some((event) => this.#hashes[event.seq - 1] !== hash(event))) {
      this.conflicts += 1
      return { status: 'conflict' }
    }
    const fresh = batch.events.slice(repeated.length)
    for (const event of fresh) {
      if (event.seq !== this.last_seq + 1) throw new Error(`event ${String(event.seq)} does not follow ${String(this.last_seq)}`)
      this.#mustBeStaged(event)
      this.events.push(event)
      this.#hashes.push(hash(event))
    }
    const { snapshot, waiting } = batch
    if (fresh.length > 0) this.snapshot = waiting === undefined ? snapshot : unpacked({ ...snapshot, waiting })
    for (const entry of batch.ledger) this.ledger.set(entry.command_id, entry)
    return { status: 'stored', last_seq: this.last_seq }
  }

  stage(run_id: string, step: number, attempt: number): void {
    this.staged.add(`${run_id}/${String(step)}/${String(attempt)}`)
  }

  /** An event may only name what some attempt has really put there. */
  #mustBeStaged(event: ThreadEvent): void {
    for (const { ref } of event.refs ?? []) {
      if (ref.from !== 'staged' || ref.optional === true) continue
      const name = `${ref.run_id}/${String(ref.step)}/${String(ref.attempt)}`
      if (!this.staged.has(name)) throw new Error(`event ${String(event.seq)} names ${name}, which nobody has staged`)
    }
  }
}

function hash(event: ThreadEvent): string {
  return createHash('sha1').update(JSON.stringify(event)).digest('base64')
}
