import { sql } from 'kysely'
import type { LogEvent } from '../thread/envelope.ts'
import type { ThreadFacts } from '../thread/repair/facts.ts'
import type { ThreadRef } from '../thread/ports.ts'
import { unpacked, type StoredSnapshot } from '../thread/packed.ts'
import type { Database } from './database.ts'
import { othersFirst } from './others-first.ts'
import { eventColumns, toStoredEvent } from './event-log.ts'
import type { Tx } from './schema.ts'
import type { LostRow, Surveyed } from './store.ts'

/** PGlite works on the event loop: what is long is read in pieces, so that others get in between. */
const PIECE = 500

/**
 * Counts that must agree in a whole thread: events and their numbers, messages, runs and dispatches, the snapshot's
 * place, the queue's contents, open tickets. One statement, so that they are of one moment.
 */
export async function survey(database: Database, tenant: string, page: { after: string; limit: number }): Promise<Surveyed[]> {
  const { rows } = await database.long((tx) =>
    sql<Surveyed>`
      select t.id as thread_id, t.last_seq, (t.status <> 'idle' or json_array_length(t.queue) > 0) as open, (
        e.events <> t.last_seq - t.kept_from + 1 - l.events or coalesce(e.last, 0) > t.last_seq
        or m.messages <> t.message_count - coalesce(t.forked_at_seq, 0) - l.messages
        or e.queued <> r.queued or d.dispatches <> r.runs or d.stray > l.runs
        or r.open <> (case when t.active_run_id is null then 0 else 1 end)
        or coalesce((select s.event_seq from weft.snapshots s where s.tenant = t.tenant and s.thread_id = t.id), 0) <> t.last_seq
        or json_array_length(t.queue) <> (select count(*) from weft.pending p where p.tenant = t.tenant and p.thread_id = t.id) + l.pending
        or (select count(*) from weft.tickets k where k.tenant = t.tenant and k.thread_id = t.id) <> coalesce((
          select count(*) from weft.snapshots s, json_each(s.snapshot -> 'runs') o, json_array_elements(o.value -> 'calls') c
          where s.tenant = t.tenant and s.thread_id = t.id and c ->> 'ticket' is not null), 0)
      ) as suspect
      from weft.threads t
      cross join lateral (
        select count(*) as events, max(e.seq) as last, count(*) filter (where e.kind = 'RunQueued') as queued
        from weft.events e where e.tenant = t.tenant and e.thread_id = t.id and e.seq >= t.kept_from) e
      cross join lateral (
        select count(*) as messages from weft.messages m
        where m.tenant = t.tenant and m.thread_id = t.id and m.message_seq > coalesce(t.forked_at_seq, 0)) m
      cross join lateral (
        select count(*) as runs, count(*) filter (where r.queued_seq >= t.kept_from) as queued,
          count(*) filter (where r.status in ('running', 'waiting')) as open
        from weft.runs r where r.tenant = t.tenant and r.thread_id = t.id) r
      cross join lateral (
        select count(r.run_id) as dispatches, count(*) - count(r.run_id) as stray
        from weft.dispatches d left join weft.runs r
          on r.tenant = d.tenant and r.run_id = d.record ->> 'run_id' and r.thread_id = d.thread_id and r.dispatch_id = d.dispatch_id
        where d.tenant = t.tenant and d.thread_id = t.id) d
      cross join lateral (
        select coalesce(sum(l.to_seq - l.from_seq + 1) filter (where l.what = 'events'), 0)::bigint as events,
          coalesce(sum(l.to_seq - l.from_seq + 1) filter (where l.what = 'messages'), 0)::bigint as messages,
          count(*) filter (where l.what = 'run') as runs, count(*) filter (where l.what = 'pending') as pending
        from weft.lost l where l.tenant = t.tenant and l.thread_id = t.id) l
      where t.tenant = ${tenant} and t.deleted_at is null and t.id > ${page.after}
      order by t.id limit ${page.limit}::int`.execute(tx),
  )
  return rows
}

/** Rows of one thread, of one moment but for the events, which do not change. */
export async function readFacts(database: Database, ref: ThreadRef): Promise<ThreadFacts | null> {
  const rows = await database.long(async (tx) => {
    await sql`set transaction isolation level repeatable read`.execute(tx)
    const head = await readHead(tx, ref)
    return head === null ? null : { head, ...(await readRows(tx, ref, head.inherited)) }
  })
  if (rows === null) return null
  const { head, messages, runs, dispatches, pending, traces } = rows
  const { max_event, ...row } = head
  const marks = runs.flatMap((run) => Object.keys(run.marks).map(Number))
  const numbers = [...messages.map(({ event_seq }) => event_seq ?? 0), ...traces.map(({ seq }) => seq)]
  const last_seq = [row.row_seq, max_event, row.snapshot?.event_seq ?? 0, ...marks, ...numbers].reduce((a, b) => Math.max(a, b))
  return {
    ...ref,
    ...row,
    snapshot: row.snapshot === null ? null : unpacked(row.snapshot),
    last_seq,
    messages,
    runs,
    dispatches,
    pending,
    traces,
    events: await readEvents(database, ref, row.kept_from, last_seq),
  }
}

async function readRows(
  tx: Tx,
  { tenant, thread_id }: ThreadRef,
  inherited: number,
): Promise<Pick<ThreadFacts, 'messages' | 'runs' | 'dispatches' | 'pending' | 'traces'>> {
  const messages = await tx
    .selectFrom('weft.messages')
    .select([
      ...(['message_id', 'message_seq', 'event_seq', 'caused_by', 'run_id', 'step', 'role', 'content', 'visibility'] as const),
      ...(['interrupted', 'metadata', 'created_at', 'read_by_step', 'made'] as const),
    ])
    .where('tenant', '=', tenant)
    .where('thread_id', '=', thread_id)
    .where('message_seq', '>', inherited)
    .orderBy('message_seq')
    .execute()
  const runs = await tx
    .selectFrom('weft.runs')
    .select(['record', 'marks', 'queued_seq'])
    .where('tenant', '=', tenant)
    .where('thread_id', '=', thread_id)
    .execute()
  const dispatches = await tx
    .selectFrom('weft.dispatches')
    .select('record')
    .where('tenant', '=', tenant)
    .where('thread_id', '=', thread_id)
    .execute()
  const pending = await tx
    .selectFrom('weft.pending')
    .select(['pending_id', 'content'])
    .where('tenant', '=', tenant)
    .where('thread_id', '=', thread_id)
    .execute()
  const traces = await tx
    .selectFrom('weft.traces')
    .select('event')
    .where('tenant', '=', tenant)
    .where('thread_id', '=', thread_id)
    .orderBy('seq')
    .execute()
  return {
    messages,
    runs,
    dispatches: dispatches.map(({ record }) => record),
    pending,
    traces: traces.map(({ event }) => event),
  }
}

type HeadRow = Pick<ThreadFacts, 'epoch' | 'row_seq' | 'kept_from' | 'message_count' | 'inherited' | 'agent_id' | 'queue'> & {
  snapshot: StoredSnapshot | null
  max_event: number
}

async function readHead(tx: Tx, { tenant, thread_id }: ThreadRef): Promise<HeadRow | null> {
  const { rows } = await sql<HeadRow>`
    select t.epoch, t.last_seq as row_seq, t.kept_from, t.message_count, coalesce(t.forked_at_seq, 0) as inherited, t.agent_id, t.queue, s.snapshot,
      coalesce((select max(e.seq) from weft.events e where e.tenant = t.tenant and e.thread_id = t.id), 0) as max_event
    from weft.threads t left join weft.snapshots s on s.tenant = t.tenant and s.thread_id = t.id
    where t.tenant = ${tenant} and t.id = ${thread_id} and t.deleted_at is null`.execute(tx)
  return rows[0] ?? null
}

async function readEvents(
  database: Database,
  { tenant, thread_id }: ThreadRef,
  from: number,
  through: number,
): Promise<LogEvent[]> {
  const events: LogEvent[] = []
  for (let after = from - 1; ;) {
    await othersFirst()
    const { rows } = await database.run((db) =>
      sql<Parameters<typeof toStoredEvent>[1]>`
        select ${eventColumns} from weft.events e
        where e.tenant = ${tenant} and e.thread_id = ${thread_id} and e.seq > ${after}::bigint and e.seq <= ${through}::bigint
        order by e.seq limit ${PIECE}`.execute(db),
    )
    events.push(...rows.map((row) => toStoredEvent(thread_id, row)))
    after = rows.at(-1)?.seq ?? through
    if (rows.length < PIECE) return events
  }
}

export async function listLost(
  database: Database,
  tenant: string,
  { thread_id, limit }: { thread_id?: string; limit: number },
): Promise<LostRow[]> {
  return database
    .run((db) =>
      db
        .selectFrom('weft.lost')
        .select(['thread_id', 'what', 'from_seq', 'to_seq', 'ref', 'kinds', 'found_at'])
        .where('tenant', '=', tenant)
        .$if(thread_id !== undefined, (query) => query.where('thread_id', '=', thread_id ?? ''))
        .orderBy('thread_id')
        .orderBy('what')
        .orderBy('from_seq')
        .limit(limit)
        .execute(),
    )
    .then((rows) => rows.map(({ kinds, ...row }) => (kinds === null ? row : { ...row, kinds })))
}
