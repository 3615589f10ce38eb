import { sql } from 'kysely'
import type { RunRecord } from '../thread/records.ts'
import type { Database } from './database.ts'
import { readPage } from './page.ts'
import type { ConversationRows } from './store.ts'

type RunReads = Pick<ConversationRows, 'getRun' | 'findRun' | 'listRuns' | 'latestRun'>

export function runRows(database: Database): RunReads {
  const getRun: RunReads['getRun'] = async (tenant, run_id, thread_id) => {
    // An order that one row does not need would lead the planner through all runs of the thread.
    const which = thread_id === undefined ? sql`order by created_at desc limit 1` : sql`and thread_id = ${thread_id}`
    const { rows } = await database.run((db) =>
      sql<{ record: RunRecord }>`select record from weft.runs where tenant = ${tenant} and run_id = ${run_id} ${which}`.execute(
        db,
      ),
    )
    return rows[0]?.record ?? null
  }
  const runOfDispatch = async (tenant: string, dispatch_id: string): Promise<RunRecord | null> => {
    // By way of the dispatch, which has the id in its key: the runs have no index for it.
    const { rows } = await database.run((db) =>
      sql<{ record: RunRecord }>`
        select r.record from weft.dispatches d join weft.runs r
          on r.tenant = d.tenant and r.run_id = d.record ->> 'run_id' and r.thread_id = d.thread_id and r.dispatch_id = d.dispatch_id
        where d.tenant = ${tenant} and d.dispatch_id = ${dispatch_id}
        order by r.created_at desc limit 1`.execute(db),
    )
    return rows[0]?.record ?? null
  }
  return {
    getRun,
    findRun: async (tenant, id) => (await getRun(tenant, id)) ?? (await runOfDispatch(tenant, id)),
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
