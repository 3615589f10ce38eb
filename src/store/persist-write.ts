import { sql, type RawBuilder } from 'kysely'
import { leftQueue } from '../thread/batch.ts'
import type { ThreadEvent } from '../thread/event.ts'
import { messageKind } from '../thread/message.ts'
import type { PersistBatch } from '../thread/ports.ts'
import type { RunRecord } from '../thread/records.ts'
import type { LedgerEntry, Snapshot } from '../thread/state.ts'
import type { EventRow } from './event-log.ts'
import { scrubbed, toJsonText } from './json-text.ts'
import { pendingContent } from './resolve-refs.ts'
import type { Db, Tx } from './schema.ts'
import { tracedEvents } from '../thread/repair/traced.ts'
import { madeOf, marksOf } from '../thread/repair/traces.ts'
import { ticketChanges } from './ticket-rows.ts'

export type Writing = {
  batch: PersistBatch
  now: number
  last_seq: number
  /** The new events as rows, the same with their values in place, and their hashes, all in one order. */
  rows: EventRow[]
  resolved: ThreadEvent[]
  hashes: string[]
  records: RunRecord[]
}

/** Writes to a thread that is there, or only to one that is not, which it makes (see the migrations). */
export type Writer = 'store_batch' | 'begin_thread'

/**
 * Everything a batch implies, by one call of a function. False, and nothing is written, when the thread's log does not
 * end right before these rows, or its row says that this batch must not be written.
 */
export async function writeBatch(db: Db, writing: Writing, writer: Writer = 'store_batch'): Promise<boolean> {
  const { batch, now, last_seq, rows, hashes } = writing
  const { runs, dispatches, ended } = runRows(writing)
  const { closed, opened } = ticketChanges(writing.resolved, writing.records)
  const after = last_seq - rows.length
  const { status, agent_id, active_run_id, message_count, queue_revision } = batch.summary
  const done = await sql<{ written: boolean }>`select ${sql.ref(`weft.${writer}`)}(
    ${batch.tenant}, ${batch.thread_id}, ${batch.epoch}, ${after}, ${last_seq}, ${now},
    ${status}, ${agent_id}, ${active_run_id}, ${message_count}, ${queue_revision}, ${batch.snapshot.parked},
    ${json(rows.map((row, index) => ({ ...row, hash: hashes[index] })))},
    ${some(messageRows(writing))}, ${some(runs)}, ${some(dispatches)}, ${ended.length === 0 ? null : ended},
    ${some(pendingRows(writing))}, ${batch.queue === null ? null : json(batch.queue)},
    ${some(eachOnce(batch.ledger))}, ${snapshotText({ rest: batch.snapshot, waiting: batch.waiting })},
    ${some(closed)}, ${some(opened)}, ${some(tracedEvents(writing.resolved))}) as written`.execute(db)
  return done.rows[0]?.written === true
}

/** One statement may touch a row once: of a command that was refused and then applied, what was applied counts. */
function eachOnce(ledger: readonly LedgerEntry[]): LedgerEntry[] {
  const once = new Map<string, LedgerEntry>()
  for (const entry of ledger) if (once.get(entry.command_id)?.reply.ok !== true) once.set(entry.command_id, entry)
  return [...once.values()]
}

/** The ledger alone, for a batch whose events are all stored. */
export async function writeLedger(tx: Tx, batch: PersistBatch): Promise<void> {
  if (batch.ledger.length > 0)
    await sql`select weft.write_ledger(${batch.tenant}, ${batch.thread_id}, ${json(batch.ledger)})`.execute(tx)
}

function json(value: unknown): RawBuilder<unknown> {
  return sql`${toJsonText(value)}`
}

/** The text of what waits goes in as it came: for a long queue, reading and writing it again would be most of the work. */
export function snapshotText({ rest, waiting }: { rest: Snapshot; waiting?: string | undefined }): string {
  const text = JSON.stringify(rest)
  return scrubbed(waiting === undefined ? text : `${text.slice(0, -1)},"waiting":${waiting}}`)
}

function some(rows: unknown[]): RawBuilder<unknown> | null {
  return rows.length === 0 ? null : json(rows)
}

function messageRows({ resolved }: Writing): object[] {
  const made = madeOf(resolved)
  return resolved.flatMap((event) => {
    if (event.kind !== 'MessageCommitted') return []
    const { message_id, message_seq, role, content, visibility, step, interrupted, metadata } = event.payload
    return {
      message_seq,
      message_id,
      run_id: event.run_id,
      step,
      role,
      content,
      message_kind: messageKind(role, visibility),
      visibility,
      interrupted: interrupted ?? false,
      metadata: metadata ?? null,
      created_at: event.at,
      read_by_step: event.payload.read_by_step ?? null,
      event_seq: event.seq,
      caused_by: event.caused_by ?? null,
      made: made.get(event.seq) ?? null,
    }
  })
}

function runRows({ batch, records, resolved }: Writing): { runs: object[]; dispatches: object[]; ended: string[] } {
  // One statement may touch a row once, so of a run that is named twice the last record counts.
  const runs = [...new Map(records.map((record) => [record.run_id, record])).values()]
  const dispatches = [...new Map(batch.runs.map(({ dispatch }) => [dispatch.dispatch_id, dispatch])).values()]
  const marks = marksOf(resolved)
  const queued = new Map(resolved.flatMap((event) => (event.kind === 'RunQueued' ? [[event.run_id, event.seq]] : [])))
  return {
    runs: runs.map((record) => {
      const { run_id, dispatch_id, status, created_at } = record
      const traces = { marks: marks.get(run_id) ?? {}, queued_seq: queued.get(run_id) ?? null }
      return { run_id, dispatch_id, status, created_at, record, ...traces }
    }),
    dispatches: dispatches.map((record) => {
      const { dispatch_id, status, created_at } = record
      return { dispatch_id, status, created_at, record }
    }),
    ended: runs.filter((record) => record.status === 'done').map((record) => record.run_id),
  }
}

/** The latest content of what was delivered or edited and still waits. The queue itself, in its order, is the thread's. */
function pendingRows({ batch, resolved }: Writing): object[] {
  const waiting = batch.queue === null ? null : new Set(batch.queue.map((entry) => entry.pending_id))
  const given = new Map<string, object>()
  for (const event of resolved) {
    given.delete(leftQueue(event) ?? '')
    const row = pendingContent(event)
    if (row !== null && (waiting?.has(row.pending_id) ?? true)) given.set(row.pending_id, row)
  }
  return [...given.values()]
}
