import { sql } from 'kysely'
import type { Database } from './database.ts'
import { othersFirst } from './others-first.ts'

/** Events of one transaction. */
const PAGE = 500

/**
 * Drops the oldest events of a page of threads: those before the first that belongs to a run which is open or ended
 * after `before`, to a message that still waits, or to no run and is younger. So what stays has no holes, and one
 * number a thread says where it begins. A thread whose oldest event is younger is not looked at any closer.
 */
export async function retain(
  database: Database,
  tenant: string,
  page: { after: string; limit: number; before: number },
): Promise<{ threads: string[]; events: number }> {
  const { rows } = await database.long((tx) =>
    sql<{ id: string; keep: number }>`
      select t.id, case when coalesce((
        select e.occurred_at from weft.events e
        where e.tenant = t.tenant and e.thread_id = t.id and e.seq >= t.kept_from order by e.seq limit 1
      ), ${page.before}::bigint) >= ${page.before}::bigint then t.kept_from else coalesce((
        select min(e.seq) from weft.events e left join weft.runs r
          on r.tenant = e.tenant and r.thread_id = e.thread_id and r.run_id = e.run_id
        where e.tenant = t.tenant and e.thread_id = t.id and (
          (r.run_id is null and e.occurred_at >= ${page.before}::bigint)
          or (r.run_id is not null and (r.status <> 'done' or coalesce((r.record ->> 'finished_at')::bigint, 0) >= ${page.before}::bigint))
          or (e.kind like 'Pending%' and exists (
            select 1 from json_array_elements(t.queue) q where q ->> 'pending_id' = e.payload ->> 'pending_id')))
      ), t.last_seq + 1) end as keep
      from weft.threads t where t.tenant = ${tenant} and t.deleted_at is null and t.id > ${page.after}
      order by t.id limit ${page.limit}::int`.execute(tx),
  )
  let events = 0
  for (const { id, keep } of rows) events += await drop(database, tenant, id, keep)
  return { threads: rows.map(({ id }) => id), events }
}

/** The first kept number goes up with each page, so a reader never finds a hole that is not told. */
async function drop(database: Database, tenant: string, id: string, keep: number): Promise<number> {
  let count = 0
  for (;;) {
    await othersFirst()
    const dropped = await database.transaction(async (tx) => {
      const { rows } = await sql<{ kept_from: number }>`
        update weft.threads t set kept_from = least(${keep}::bigint, t.kept_from + ${PAGE}::bigint)
        where t.tenant = ${tenant} and t.id = ${id} and t.kept_from < ${keep}::bigint returning kept_from`.execute(tx)
      const from = rows[0]?.kept_from
      if (from === undefined) return null
      const { numAffectedRows } = await sql`
        delete from weft.events where tenant = ${tenant} and thread_id = ${id} and seq < ${from}::bigint`.execute(tx)
      await sql`
        delete from weft.traces where tenant = ${tenant} and thread_id = ${id} and seq < ${from}::bigint`.execute(tx)
      // What was lost there would have been dropped by now.
      await sql`
        delete from weft.lost where tenant = ${tenant} and thread_id = ${id} and what in ('events', 'restored') and to_seq < ${from}::bigint and to_seq > 0`.execute(
        tx,
      )
      await sql`
        update weft.lost set from_seq = ${from}::bigint
        where tenant = ${tenant} and thread_id = ${id} and what = 'events' and from_seq < ${from}::bigint`.execute(tx)
      return Number(numAffectedRows ?? 0)
    })
    if (dropped === null) return count
    count += dropped
  }
}

export async function pruneStaged(database: Database, tenant: string, limit: number): Promise<number> {
  const { numAffectedRows } = await database.transaction((tx) =>
    sql`
      delete from weft.staged where ctid in (
        select s.ctid from weft.staged s join weft.runs r on r.tenant = s.tenant and r.thread_id = s.thread_id and r.run_id = s.run_id
        where s.tenant = ${tenant} and r.status = 'done' limit ${limit}::int)`.execute(tx),
  )
  return Number(numAffectedRows ?? 0)
}

export async function pruneCommands(database: Database, tenant: string, before: number, limit: number): Promise<number> {
  const { numAffectedRows } = await database.transaction((tx) =>
    sql`
      delete from weft.commands where ctid in (
        select c.ctid from weft.commands c
        where c.tenant = ${tenant} and c.at < ${before}::bigint and not exists (
          select from weft.threads t
          where t.tenant = c.tenant and t.id = c.thread_id and t.deleted_at is null
            and (t.status <> 'idle' or t.queued or t.updated_at >= ${before}::bigint))
        limit ${limit}::int)`.execute(tx),
  )
  return Number(numAffectedRows ?? 0)
}
