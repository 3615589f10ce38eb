import { queueOf } from '../thread/batch.ts'
import type { LogEvent } from '../thread/envelope.ts'
import type { ThreadEvent } from '../thread/event.ts'
import type { PersistBatch } from '../thread/ports.ts'
import { eventHash, toEventRow, toStoredEvent } from './event-log.ts'
import { needsScrubbing, scrubJson } from './json-text.ts'
import { writeBatch, writeLedger, type Writer } from './persist-write.ts'
import { readsStore, resolveEvents, resolveRuns } from './resolve-refs.ts'
import type { Db, Tx } from './schema.ts'
import type { StagedCache } from './staged-cache.ts'
import type { Persisted, TranscriptRow } from './store.ts'
import type { Wrote } from './step-inputs.ts'

/** `wrote`: only what these events have added, and only where the store keeps it as it was given. */
export type Stored = Persisted & { wrote?: Wrote }

/**
 * Writes one batch: what is not yet stored of it, or nothing. Most batches need nothing from the store and follow on
 * what it has: they go in with one call, which checks just that. All others take the longer way.
 */
export async function persist(db: Db, batch: PersistBatch, now: number, cache: StagedCache): Promise<Stored> {
  if (batch.events.length > 0 && !readsStore(batch, cache)) {
    const stored = await write(db, batch, batch.events, now, cache)
    if (stored !== null) return stored
  }
  return db.transaction().execute((tx) => persistLocked(tx, batch, now, cache))
}

/** The first batch of a thread that the store does not know; null, and nothing is written, where it does or must be asked. */
export async function begin(db: Db, batch: PersistBatch, now: number, cache: StagedCache): Promise<Stored | null> {
  const isPlain = batch.events.length > 0 && !readsStore(batch, cache)
  return isPlain ? write(db, batch, batch.events, now, cache, 'begin_thread') : null
}

/**
 * The row lock makes the thread's writers wait for each other; the epoch sends away those of an earlier life. A
 * batch with a later epoch than the row's comes from a life whose loading was lost with a restored backup: it goes on
 * if its numbers fit, else it is a gap, never a fence, after which it would load what the backup has and number anew.
 */
async function persistLocked(tx: Tx, batch: PersistBatch, now: number, cache: StagedCache): Promise<Stored> {
  const row = await tx
    .selectFrom('weft.threads')
    .select(['epoch', 'last_seq', 'deleted_at'])
    .where('tenant', '=', batch.tenant)
    .where('id', '=', batch.thread_id)
    .forUpdate()
    .executeTakeFirst()
  const presumed = batch.events[0] === undefined ? batch.last_seq : batch.events[0].seq - 1
  if (row === undefined) return presumed > 0 ? { status: 'gap', last_seq: 0 } : { status: 'fenced' }
  if (row.deleted_at !== null) return { status: 'deleted' }
  if (row.epoch > batch.epoch) return { status: 'fenced' }
  if (presumed > row.last_seq) return { status: 'gap', last_seq: row.last_seq }

  const repeated = batch.events.filter((event) => event.seq <= row.last_seq)
  if (repeated.length > 0 && !(await sameEvents(tx, batch, repeated))) return { status: 'conflict' }
  const fresh = batch.events.slice(repeated.length)
  if (fresh.length === 0) {
    // All of it is stored, and perhaps more by now: its records and its snapshot would only set the rows back.
    await writeLedger(tx, batch)
    return { status: 'stored', last_seq: row.last_seq, events: [] }
  }
  // Part of it was stored before, so what the whole of it does to the queue is not what is left to do.
  const rest = repeated.length > 0 ? { ...batch, queue: queueOf(batch) } : batch
  const stored = await write(tx, rest, fresh, now, cache)
  if (stored === null)
    throw new Error(`The events ${presumed + 1} to ${batch.last_seq} of a batch are not numbered one after the other.`)
  return stored
}

/** Null when these events do not follow on what is stored. */
async function write(
  db: Db,
  batch: PersistBatch,
  fresh: ThreadEvent[],
  now: number,
  cache: StagedCache,
  writer?: Writer,
): Promise<Stored | null> {
  const resolved = await resolveEvents(db, batch, fresh, cache)
  const records = await resolveRuns(db, batch, batch.runs, cache)
  const rows = resolved.map(({ event, lost }) => toEventRow(batch.thread_id, event, lost))
  const last_seq = fresh.at(-1)?.seq ?? 0
  const events = resolved.map(({ event }) => event)
  const hashes = fresh.map(eventHash)
  const written = await writeBatch(db, { batch, now, last_seq, rows, hashes, resolved: events, records }, writer)
  if (!written) return null
  const log = rows.map((one) => toStoredEvent(batch.thread_id, one))
  const text = JSON.stringify(log)
  // What readers of the log will see, with what Postgres cannot hold replaced.
  if (needsScrubbing(text)) return { status: 'stored', last_seq, events: JSON.parse(scrubJson(text)) as LogEvent[] }
  return { status: 'stored', last_seq, events: log, wrote: { messages: events.flatMap(transcriptRow), records } }
}

function transcriptRow(event: ThreadEvent): TranscriptRow[] {
  if (event.kind !== 'MessageCommitted') return []
  const { message_seq, message_id, role, content } = event.payload
  return [{ message_seq, message_id, role, content, created_at: event.at }]
}

async function sameEvents(tx: Tx, batch: PersistBatch, repeated: ThreadEvent[]): Promise<boolean> {
  const stored = await tx
    .selectFrom('weft.events')
    .select(['seq', 'hash'])
    .where('tenant', '=', batch.tenant)
    .where('thread_id', '=', batch.thread_id)
    .where('seq', '>=', repeated[0]?.seq ?? 0)
    .where('seq', '<=', repeated.at(-1)?.seq ?? 0)
    .execute()
  const hashes = new Map(stored.map((row) => [row.seq, row.hash]))
  return repeated.every((event) => hashes.get(event.seq) === eventHash(event))
}
