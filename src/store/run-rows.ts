import type { RunRecord } from '../thread/records.ts'
import type { Database } from './database.ts'
import { readPage } from './page.ts'
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
    listRuns: (tenant, filter, page) =>
      database.run((db) => {
        let all = db.selectFrom('weft.runs').where('tenant', '=', tenant)
        if (filter.thread_id !== undefined) all = all.where('thread_id', '=', filter.thread_id)
        if (filter.status !== undefined) all = all.where('status', '=', filter.status)
        const sort = { at: 'created_at', id: 'run_id', newest_first: true }
        return readPage(all, all.select(['record', 'created_at', 'run_id']), page, sort, {
          item: (row) => row.record,
          key: (row) => ({ at: row.created_at, id: row.run_id }),
        })
      }),
  }
}
