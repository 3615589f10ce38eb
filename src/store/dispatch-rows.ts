import { sql } from 'kysely'
import type { DispatchStatus } from '../thread/records.ts'
import type { Database } from './database.ts'
import { readPage } from './page.ts'
import type { ConversationRows } from './store.ts'

type DispatchReads = Pick<ConversationRows, 'listDispatches' | 'findDispatch' | 'countDispatches'>
const COUNTED = ['queued', 'claimed', 'cancelled', 'superseded', 'dead_letter'] as const satisfies DispatchStatus[]

export function dispatchRows(database: Database): DispatchReads {
  return {
    listDispatches: (tenant, filter, page) =>
      database.run((db) => {
        let all = db.selectFrom('weft.dispatches').where('tenant', '=', tenant)
        if (filter.thread_id !== undefined) all = all.where('thread_id', '=', filter.thread_id)
        if (filter.status !== undefined) all = all.where('status', '=', filter.status)
        const sort = { at: 'created_at', id: 'dispatch_id', newest_first: true }
        return readPage(all, all.select(['record', 'created_at', 'dispatch_id']), page, sort, {
          item: (row) => row.record,
          key: (row) => ({ at: row.created_at, id: row.dispatch_id }),
        })
      }),
    findDispatch: async (tenant, dispatch_id) => {
      const row = await database.run((db) =>
        db
          .selectFrom('weft.dispatches')
          .select('record')
          .where('tenant', '=', tenant)
          .where('dispatch_id', '=', dispatch_id)
          .orderBy('created_at', 'desc')
          .executeTakeFirst(),
      )
      return row?.record ?? null
    },
    countDispatches: async () => {
      // The condition is that of the index, which holds all that is asked for.
      const { rows } = await database.run((db) =>
        sql<{ status: DispatchStatus; count: number }>`
          select status, count(*) as count from weft.dispatches where status <> 'acked' group by status`.execute(db),
      )
      const counts = new Map(rows.map((row) => [row.status, row.count]))
      return COUNTED.map((status) => ({ status, count: counts.get(status) ?? 0 }))
    },
  }
}
