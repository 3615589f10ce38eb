import { sql } from 'kysely'
import type { JsonObject } from '../thread/json.ts'
import type { Database } from './database.ts'
import { readPage } from './page.ts'
import type { DeliveryRow, DeliveryStatus, WebhookRows } from './webhook-store.ts'

const COLUMNS = [
  ...(['webhook_id', 'tenant', 'delivery_id', 'thread_id', 'run_id', 'seq', 'kind', 'status', 'attempts'] as const),
  ...(['next_at', 'last_status', 'last_error', 'created_at', 'updated_at'] as const),
] as const
const PRUNE_LIMIT = 1_000
const MAX_ERROR_CHARACTERS = 500

type DeliveryRows = Pick<WebhookRows, 'due' | 'record' | 'retry' | 'nextAt' | 'overdue' | 'listDeliveries' | 'count' | 'prune'>

export function deliveryRows(database: Database): DeliveryRows {
  return {
    due: async (webhook_id, now, limit) => {
      const { rows } = await database.run((db) =>
        sql<DeliveryRow & { payload: JsonObject | null; occurred_at: number | null }>`
          select ${sql.raw(COLUMNS.map((name) => `d.${name}`).join(', '))}, e.payload, e.occurred_at
          from weft.webhook_deliveries d
          left join weft.events e on e.tenant = d.tenant and e.thread_id = d.thread_id and e.seq = d.seq and e.kind = d.kind
          where d.webhook_id = ${webhook_id} and d.status = 'pending' and d.next_at <= ${now}::bigint
          order by d.next_at limit ${limit}::int`.execute(db),
      )
      return rows
    },
    record: async ({ webhook_id, tenant, delivery_id }, { status, next_at, last_status, last_error }) => {
      const now = Date.now()
      const error = last_error?.slice(0, MAX_ERROR_CHARACTERS) ?? null
      await database.transaction(async (tx) => {
        await tx
          .updateTable('weft.webhook_deliveries')
          .set((eb) => ({
            status,
            attempts: eb('attempts', '+', 1),
            ...(next_at === undefined ? {} : { next_at }),
            last_status,
            last_error: error,
            updated_at: now,
          }))
          .where('webhook_id', '=', webhook_id)
          .where('tenant', '=', tenant)
          .where('delivery_id', '=', delivery_id)
          .where('status', '=', 'pending')
          .execute()
        await tx
          .updateTable('weft.webhooks')
          .set({
            ...(status === 'delivered' ? { last_delivered_at: now } : { last_failed_at: now }),
            last_status,
            last_error: error,
          })
          .where('id', '=', webhook_id)
          .execute()
      })
    },
    retry: (tenant, webhook_id, delivery_id) =>
      database.transaction(async (tx) => {
        const now = Date.now()
        const own = sql`tenant = ${tenant} and webhook_id = ${webhook_id} and delivery_id = ${delivery_id}`
        const found = await sql<{ disabled: boolean }>`
          select w.disabled_at is not null as disabled from weft.webhook_deliveries d
          join weft.webhooks w on w.tenant = d.tenant and w.id = d.webhook_id
          where d.tenant = ${tenant} and d.webhook_id = ${webhook_id} and d.delivery_id = ${delivery_id}`.execute(tx)
        if (found.rows[0] === undefined) return 'not_found'
        if (found.rows[0].disabled) return 'disabled'
        const { rows } = await sql<DeliveryRow>`
          update weft.webhook_deliveries set status = 'pending', next_at = ${now}::bigint, updated_at = ${now}::bigint
          where ${own} and status = 'failed' returning ${sql.raw(COLUMNS.join(', '))}`.execute(tx)
        return rows[0] ?? 'not_failed'
      }),
    nextAt: async (webhook_id) => {
      const { rows } = await database.run((db) =>
        sql<{ next_at: number | null }>`
          select min(next_at) as next_at from weft.webhook_deliveries
          where webhook_id = ${webhook_id} and status = 'pending'`.execute(db),
      )
      return rows[0]?.next_at ?? null
    },
    overdue: async (before) => {
      const { rows } = await database.run((db) =>
        // From one webhook to the next by the index: one that is dead may have a hundred thousand deliveries waiting.
        sql<{ webhook_id: string }>`
          with recursive waiting (webhook_id) as (
            select min(webhook_id) from weft.webhook_deliveries where status = 'pending'
            union all
            select (select min(d.webhook_id) from weft.webhook_deliveries d where d.status = 'pending' and d.webhook_id > w.webhook_id)
            from waiting w where w.webhook_id is not null
          ) select webhook_id from waiting w where webhook_id is not null and exists (
            select 1 from weft.webhook_deliveries d
            where d.webhook_id = w.webhook_id and d.status = 'pending' and d.next_at < ${before}::bigint)`.execute(db),
      )
      return rows.map((row) => row.webhook_id)
    },
    listDeliveries: (tenant, filter, page) => list(database, tenant, filter, page),
    count: async () => {
      const { rows } = await database.run((db) =>
        sql<{ webhook_id: string; status: DeliveryStatus; count: number }>`
          select webhook_id, status, count(*) as count from weft.webhook_deliveries
          where status <> 'delivered' group by webhook_id, status`.execute(db),
      )
      return rows
    },
    prune: async ({ delivered, failed }) => {
      const { numAffectedRows } = await database.run((db) =>
        sql`
          delete from weft.webhook_deliveries where ctid in (
            select ctid from weft.webhook_deliveries
            where (status = 'delivered' and updated_at < ${delivered}::bigint) or (status = 'failed' and updated_at < ${failed}::bigint)
            limit ${PRUNE_LIMIT}::int)`.execute(db),
      )
      return Number(numAffectedRows ?? 0)
    },
  }
}

function list(
  database: Database,
  ...[tenant, filter, page]: Parameters<WebhookRows['listDeliveries']>
): ReturnType<WebhookRows['listDeliveries']> {
  const { status, webhook_id } = filter
  return database.run((db) => {
    let all = db.selectFrom('weft.webhook_deliveries').where('tenant', '=', tenant)
    if (status !== undefined) all = all.where('status', '=', status)
    if (webhook_id !== undefined) all = all.where('webhook_id', '=', webhook_id)
    const sort = { at: 'created_at', id: "(delivery_id || ' ' || webhook_id)", newest_first: true }
    return readPage(all, all.select(COLUMNS), page, sort, {
      item: (row) => row,
      key: (row) => ({ at: row.created_at, id: `${row.delivery_id} ${row.webhook_id}` }),
    })
  })
}
