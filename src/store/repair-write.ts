import { sql } from 'kysely'
import type { ThreadEvent } from '../thread/event.ts'
import { messageKind } from '../thread/message.ts'
import type { ThreadRef } from '../thread/ports.ts'
import type { Lost, StoredMessage } from '../thread/repair/facts.ts'
import { packed } from '../thread/packed.ts'
import type { Database } from './database.ts'
import { othersFirst } from './others-first.ts'
import { eventHash, toEventRow } from './event-log.ts'
import { toJsonText } from './json-text.ts'
import { snapshotText } from './persist-write.ts'
import type { Tx } from './schema.ts'
import type { HeadRepair } from './store.ts'

/** Rows of one transaction: others get in between, since PGlite has one connection. */
const PAGE = 200

async function paged<T>(
  database: Database,
  ref: ThreadRef,
  rows: T[],
  write: (tx: Tx, page: T[], row: Locked) => Promise<number>,
): Promise<number> {
  let count = 0
  for (let at = 0; at < rows.length; at += PAGE) {
    await othersFirst()
    count += await database.transaction(async (tx) => {
      const row = await lock(tx, ref)
      return row === null ? 0 : await write(tx, rows.slice(at, at + PAGE), row)
    })
  }
  return count
}

type Locked = { epoch: number; last_seq: number; kept_from: number }

/** The thread's writers wait for each other; null for one that is not there or was deleted. */
async function lock(tx: Tx, { tenant, thread_id }: ThreadRef): Promise<Locked | null> {
  const row = await tx
    .selectFrom('weft.threads')
    .select(['epoch', 'last_seq', 'kept_from'])
    .where('tenant', '=', tenant)
    .where('id', '=', thread_id)
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst()
  return row ?? null
}

export function restoreEvents(
  database: Database,
  ref: ThreadRef,
  events: { event: ThreadEvent; lost: string[] }[],
): Promise<number> {
  return paged(database, ref, events, async (tx, page, { kept_from }) => {
    // A retention may have been here since the facts were read; what it has dropped stays away.
    const kept = page.filter(({ event }) => event.seq >= kept_from)
    // The hash is of the event as it is now: what it was before its references were resolved nobody knows.
    const rows = kept.map(({ event, lost }) => ({
      ...toEventRow(ref.thread_id, event, lost),
      hash: `repaired:${eventHash(event)}`,
    }))
    const { numAffectedRows } = await sql`
      insert into weft.events (tenant, thread_id, seq, kind, run_id, occurred_at, hash, visibility, correlation_id, causation_id, idempotency_key, payload)
      select ${ref.tenant}, ${ref.thread_id}, e.* from json_to_recordset(${toJsonText(rows)}::json) as e (
        seq bigint, kind text, run_id text, occurred_at bigint, hash text, visibility text, correlation_id text, causation_id text,
        idempotency_key text, payload json)
      on conflict (tenant, thread_id, seq) do nothing`.execute(tx)
    return Number(numAffectedRows ?? 0)
  })
}

export function restoreMessages(database: Database, ref: ThreadRef, messages: StoredMessage[]): Promise<number> {
  return paged(database, ref, messages, async (tx, page) => {
    const rows = page.map((message) => ({ ...message, message_kind: messageKind(message.role, message.visibility) }))
    const { numAffectedRows } = await sql`
      insert into weft.messages (tenant, thread_id, message_seq, message_id, run_id, step, role, content, message_kind, visibility, interrupted, metadata, created_at, read_by_step, event_seq, caused_by, made)
      select ${ref.tenant}, ${ref.thread_id}, m.* from json_to_recordset(${toJsonText(rows)}::json) as m (
        message_seq bigint, message_id text, run_id text, step integer, role text, content json, message_kind text, visibility text,
        interrupted boolean, metadata json, created_at bigint, read_by_step integer, event_seq bigint, caused_by text, made json)
      on conflict (tenant, thread_id, message_seq) do nothing`.execute(tx)
    return Number(numAffectedRows ?? 0)
  })
}

export function restoreHead(database: Database, ref: ThreadRef, head: HeadRepair): Promise<{ [kind: string]: number } | null> {
  return database.transaction(async (tx) => {
    const row = await lock(tx, ref)
    if (row === null || row.last_seq !== head.seen_last_seq || row.epoch !== head.seen_epoch) return null
    const { tenant, thread_id } = ref
    const runs = head.runs.map(({ record, marks, queued_seq }) => {
      const { run_id, dispatch_id, status, created_at } = record
      return { run_id, dispatch_id, status, created_at, record, marks, queued_seq }
    })
    const dispatches = [...head.dispatches, ...head.runs.map(({ dispatch }) => dispatch)].map((record) => {
      const { dispatch_id, status, created_at } = record
      return { dispatch_id, status, created_at, record }
    })
    const tickets = head.tickets.map(({ run_id, agent_id, ticket }) => {
      const { tool_call_id, tool_name, ticket_id, created_at } = ticket
      return { run_id, tool_call_id, tool_name, ticket_id, agent_id, created_at, ticket }
    })
    const changed = async (statement: { execute(tx: Tx): Promise<{ numAffectedRows?: bigint }> }): Promise<number> =>
      Number((await statement.execute(tx)).numAffectedRows ?? 0)
    const own = sql`tenant = ${tenant} and thread_id = ${thread_id}`
    return {
      runs: await changed(sql`
        insert into weft.runs as r (tenant, thread_id, run_id, dispatch_id, status, created_at, record, marks, queued_seq)
        select ${tenant}, ${thread_id}, n.* from json_to_recordset(${toJsonText(runs)}::json) as n (
          run_id text, dispatch_id text, status text, created_at bigint, record json, marks jsonb, queued_seq bigint)
        on conflict (tenant, thread_id, run_id) do update
          set status = excluded.status, record = excluded.record, marks = excluded.marks || r.marks
          where r.status <> excluded.status`),
      dispatches: await changed(sql`
        insert into weft.dispatches as d (tenant, thread_id, dispatch_id, status, created_at, record)
        select ${tenant}, ${thread_id}, n.* from json_to_recordset(${toJsonText(dispatches)}::json) as n (
          dispatch_id text, status text, created_at bigint, record json)
        on conflict (tenant, thread_id, dispatch_id) do update
          set status = excluded.status, record = excluded.record where d.status <> excluded.status`),
      tickets:
        (await changed(sql`
          delete from weft.tickets where ${own} and (run_id, ticket_id) not in (
            select n.run_id, n.ticket_id from json_to_recordset(${toJsonText(tickets)}::json) as n (run_id text, ticket_id text))`)) +
        (await changed(sql`
          insert into weft.tickets (tenant, thread_id, run_id, tool_call_id, tool_name, ticket_id, agent_id, created_at, ticket)
          select ${tenant}, ${thread_id}, n.* from json_to_recordset(${toJsonText(tickets)}::json) as n (
            run_id text, tool_call_id text, tool_name text, ticket_id text, agent_id text, created_at bigint, ticket json)
          on conflict do nothing`)),
      pending:
        (await changed(sql`
          delete from weft.pending where ${own} and pending_id not in (
            select q ->> 'pending_id' from json_array_elements(${toJsonText(head.snapshot.queue)}::json) as q)`)) +
        (await changed(sql`
          insert into weft.pending (tenant, thread_id, pending_id, content)
          select ${tenant}, ${thread_id}, n.* from json_to_recordset(${toJsonText(head.pending)}::json) as n (
            pending_id text, content json)
          on conflict do nothing`)),
      snapshots: await changed(sql`
        insert into weft.snapshots as s (tenant, thread_id, event_seq, snapshot)
        values (${tenant}, ${thread_id}, ${head.last_seq}::bigint, ${snapshotText(packed(head.snapshot))}::json)
        on conflict (tenant, thread_id) do update set event_seq = excluded.event_seq, snapshot = excluded.snapshot
          where s.event_seq <> excluded.event_seq`),
      threads: await changed(sql`
        update weft.threads t set last_seq = ${head.last_seq}::bigint, status = ${head.summary.status}, agent_id = ${head.summary.agent_id},
          active_run_id = ${head.summary.active_run_id}, message_count = ${head.summary.message_count}::bigint,
          queue_revision = ${head.summary.queue_revision}::bigint, queue = ${toJsonText(head.snapshot.queue)}::json,
          queued = ${head.snapshot.queue.length > 0}, parked = ${head.snapshot.parked}
        where t.tenant = ${tenant} and t.id = ${thread_id} and (
          t.last_seq <> ${head.last_seq}::bigint or t.status <> ${head.summary.status}
          or t.active_run_id is distinct from ${head.summary.active_run_id} or t.message_count <> ${head.summary.message_count}::bigint
          or t.queue_revision <> ${head.summary.queue_revision}::bigint)`),
    }
  })
}

/**
 * What was known to be lost keeps the time at which it was found. That a state was put together, or that the store was
 * set back, cannot be seen any more later on, so those notes stay.
 */
export function noteLost(database: Database, ref: ThreadRef, lost: Lost[]): Promise<void> {
  return database.transaction(async (tx) => {
    const row = await lock(tx, ref)
    if (row === null) return
    const rows = toJsonText(keptOf(lost, row).map((one) => ({ ...one, kinds: one.kinds ?? null, found_at: Date.now() })))
    await sql`
      delete from weft.lost l where l.tenant = ${ref.tenant} and l.thread_id = ${ref.thread_id} and l.what not in ('state', 'restored') and not exists (
        select 1 from json_to_recordset(${rows}::json) as n (what text, from_seq bigint, to_seq bigint, ref text)
        where n.what = l.what and n.from_seq = l.from_seq and n.to_seq = l.to_seq and n.ref = l.ref)`.execute(tx)
    await insertLost(tx, ref, rows)
  })
}

/** Without the numbers that a retention has dropped since they were missed. */
function keptOf(lost: Lost[], { kept_from }: Locked): Lost[] {
  return lost
    .filter(({ what, to_seq }) => what !== 'events' || to_seq >= kept_from)
    .map((one) => (one.what === 'events' ? { ...one, from_seq: Math.max(one.from_seq, kept_from) } : one))
}

/** Adds to what is noted. */
export function noteRestored(database: Database, ref: ThreadRef, lost: Lost[]): Promise<void> {
  const rows = toJsonText(lost.map((one) => ({ ...one, kinds: null, found_at: Date.now() })))
  return database.transaction(async (tx) => {
    if ((await lock(tx, ref)) !== null) await insertLost(tx, ref, rows)
  })
}

async function insertLost(tx: Tx, ref: ThreadRef, rows: string): Promise<void> {
  await sql`
      insert into weft.lost (tenant, thread_id, what, from_seq, to_seq, ref, kinds, found_at)
      select ${ref.tenant}, ${ref.thread_id}, n.* from json_to_recordset(${rows}::json) as n (
        what text, from_seq bigint, to_seq bigint, ref text, kinds json, found_at bigint)
      on conflict do nothing`.execute(tx)
}
