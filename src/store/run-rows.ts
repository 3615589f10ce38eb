import { sql } from 'kysely'
import type { RunRecord } from '../thread/records.ts'
import type { Database } from './database.ts'
import { decodeCursor, toPage } from './page.ts'
import type { ConversationRows } from './store.ts'

type RunReads = Pick<ConversationRows, 'getRun' | 'findRun' | 'listRuns' | 'latestRun'>

export function runRows(database: Database): RunReads {
  const newest = async (
    tenant: string,
    column: 'run_id' | 'dispatch_id',
    id: string,
    thread_id?: string,
  ): Promise<RunRecord | null> => {
    const row = await database.run((db) =>
      db
        .selectFrom('weft.runs')
        .select('record')
        .where('tenant', '=', tenant)
        .where(column, '=', id)
        .$if(thread_id !== undefined, (query) => query.where('thread_id', '=', thread_id ?? ''))
        .orderBy('created_at', 'desc')
        .executeTakeFirst(),
    )
    return row?.record ?? null
  }
  return {
    getRun: (tenant, run_id, thread_id) => newest(tenant, 'run_id', run_id, thread_id),
    findRun: async (tenant, id) => (await newest(tenant, 'run_id', id)) ?? (await newest(tenant, 'dispatch_id', id)),
    latestRun: async (ref) => {
      const row = await database.run((db) =>
        db
          .selectFrom('weft.runs')
          .select('record')
          .where('tenant', '=', ref.tenant)
          .where('thread_id', '=', ref.thread_id)
          .orderBy('created_at', 'desc')
          .orderBy('run_id', 'desc')
          .limit(1)
          .executeTakeFirst(),
      )
      return row?.record ?? null
    },
    listRuns: async (tenant, filter, page) => {
      const after = decodeCursor(page.cursor)
      return database.run(async (db) => {
        let all = db.selectFrom('weft.runs').where('tenant', '=', tenant)
        if (filter.thread_id !== undefined) all = all.where('thread_id', '=', filter.thread_id)
        if (filter.status !== undefined) all = all.where('status', '=', filter.status)
        let query = all.select(['record', 'created_at', 'run_id']).orderBy('created_at', 'desc').orderBy('run_id', 'desc')
        if (after !== null) query = query.where(sql<boolean>`(created_at, run_id) < (${after.at}::bigint, ${after.id}::text)`)
        const rows = await query
          .limit(page.limit + 1)
          .offset(page.offset ?? 0)
          .execute()
        return toPage(rows, page, {
          item: (row) => row.record,
          key: (row) => ({ at: row.created_at, id: row.run_id }),
          count: async () => (await all.select(({ fn }) => fn.countAll<number>().as('total')).executeTakeFirstOrThrow()).total,
        })
      })
    },
  }
}
