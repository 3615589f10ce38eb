import { sql } from 'kysely'
import type { Content } from '../thread/message.ts'
import type { ThreadRef } from '../thread/ports.ts'
import type { DispatchRecord, RunRecord } from '../thread/records.ts'
import type { PendingEntry } from '../thread/state.ts'
import type { Database } from './database.ts'
import type { ExportReads, ExportStart, ExportedRun, ThreadRow } from './store.ts'
import { THREAD_COLUMNS } from './thread-create.ts'

type Started = ThreadRow & {
  queue: PendingEntry[]
  contents: { pending_id: string; content: Content }[]
  open: ExportedRun[]
  newest_at: number | null
  newest_ids: string[]
}

export function exportRows(database: Database): ExportReads {
  return {
    exportStart: (ref) => exportStart(database, ref),
    exportRuns: (ref, start, after, limit) => exportRuns(database, ref, { start, after, limit }),
  }
}

/**
 * One statement, so that all of it is of one moment. What is in the log and the conversation by then stays as it is
 * and can be read later; what may change is here: the queue and the runs that have not ended.
 */
async function exportStart(database: Database, ref: ThreadRef): Promise<ExportStart | null> {
  const columns = sql.join(THREAD_COLUMNS.map((name) => sql.ref(`t.${name}`)))
  const { rows } = await database.run((db) =>
    sql<Started>`
      select ${columns}, t.queue,
        (select coalesce(json_agg(json_build_object('pending_id', p.pending_id, 'content', p.content)), '[]')
          from weft.pending p where p.tenant = t.tenant and p.thread_id = t.id) as contents,
        (select coalesce(json_agg(json_build_object('run', r.record, 'dispatch', d.record)), '[]')
          from weft.runs r left join weft.dispatches d on d.tenant = r.tenant and d.thread_id = r.thread_id and d.dispatch_id = r.dispatch_id
          where r.tenant = t.tenant and r.thread_id = t.id and r.status <> 'done') as open,
        n.created_at as newest_at,
        (select coalesce(json_agg(r.run_id), '[]') from weft.runs r
          where r.tenant = t.tenant and r.thread_id = t.id and r.created_at = n.created_at) as newest_ids
      from weft.threads t left join lateral (
        select max(created_at) as created_at from weft.runs where tenant = t.tenant and thread_id = t.id
      ) n on true
      where t.tenant = ${ref.tenant} and t.id = ${ref.thread_id} and t.deleted_at is null`.execute(db),
  )
  const [row] = rows
  if (row === undefined) return null
  const { queue, contents, open, newest_at, newest_ids, ...thread } = row
  const known = new Map(contents.map(({ pending_id, content }) => [pending_id, content]))
  const pending = queue.flatMap((entry, index) => {
    const content = known.get(entry.pending_id)
    return content === undefined ? [] : [{ ...entry, content, position: index + 1 }]
  })
  return { thread, pending, open, newest: newest_at === null ? null : { created_at: newest_at, run_ids: newest_ids } }
}

/** Runs that were there at the start, oldest first, as they were then: one that had ended does not change any more. */
async function exportRuns(
  database: Database,
  ref: ThreadRef,
  { start, after, limit }: { start: ExportStart; after: ExportedRun | null; limit: number },
): Promise<ExportedRun[]> {
  if (start.newest === null) return []
  const { created_at, run_ids } = start.newest
  const beyond =
    after === null ? sql`` : sql`and (r.created_at, r.run_id) > (${after.run.created_at}::bigint, ${after.run.run_id}::text)`
  const { rows } = await database.run((db) =>
    sql<{ run: RunRecord; dispatch: DispatchRecord | null }>`
      select r.record as run, d.record as dispatch from weft.runs r
      left join weft.dispatches d on d.tenant = r.tenant and d.thread_id = r.thread_id and d.dispatch_id = r.dispatch_id
      where r.tenant = ${ref.tenant} and r.thread_id = ${ref.thread_id} ${beyond}
        and (r.created_at < ${created_at}::bigint or (r.created_at = ${created_at}::bigint and r.run_id in (${sql.join(run_ids)})))
      order by r.created_at, r.run_id limit ${limit}::int`.execute(db),
  )
  const open = new Map(start.open.map((one) => [one.run.run_id, one]))
  return rows.map((row) => open.get(row.run.run_id) ?? row)
}
