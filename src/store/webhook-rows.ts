import { sql } from 'kysely'
import type { Database } from './database.ts'
import { deliveryRows } from './delivery-rows.ts'
import { readPage } from './page.ts'
import type { WebhookRows } from './webhook-store.ts'

const COLUMNS = [
  ...(['tenant', 'id', 'url', 'kinds', 'description', 'created_at', 'updated_at', 'disabled_at', 'disabled_reason'] as const),
  ...(['last_delivered_at', 'last_failed_at', 'last_status', 'last_error'] as const),
] as const

export function webhookRows(database: Database): WebhookRows {
  return {
    ...deliveryRows(database),
    create: (webhook, max) =>
      database.transaction(async (tx) => {
        // Two at once could both find room for one.
        await sql`select pg_advisory_xact_lock(hashtextextended(${`weft.webhooks/${webhook.tenant}`}::text, 0))`.execute(tx)
        const { total } = await tx
          .selectFrom('weft.webhooks')
          .where('tenant', '=', webhook.tenant)
          .select(({ fn }) => fn.countAll<number>().as('total'))
          .executeTakeFirstOrThrow()
        if (total >= max) return null
        return await tx
          .insertInto('weft.webhooks')
          .values({ ...webhook, updated_at: webhook.created_at })
          .returning(COLUMNS)
          .executeTakeFirstOrThrow()
      }),
    get: async (tenant, id) =>
      (await database.run((db) =>
        db.selectFrom('weft.webhooks').select(COLUMNS).where('tenant', '=', tenant).where('id', '=', id).executeTakeFirst(),
      )) ?? null,
    list: (tenant, page) => list(database, tenant, page),
    remove: (tenant, id) =>
      database.transaction(async (tx) => {
        const { numDeletedRows } = await tx
          .deleteFrom('weft.webhooks')
          .where('tenant', '=', tenant)
          .where('id', '=', id)
          .executeTakeFirst()
        if (Number(numDeletedRows) === 0) return false
        await tx.deleteFrom('weft.webhook_deliveries').where('tenant', '=', tenant).where('webhook_id', '=', id).execute()
        return true
      }),
    enable: async (tenant, id) =>
      (await database.run((db) =>
        db
          .updateTable('weft.webhooks')
          .set({ disabled_at: null, disabled_reason: null, updated_at: Date.now() })
          .where('tenant', '=', tenant)
          .where('id', '=', id)
          .returning(COLUMNS)
          .executeTakeFirst(),
      )) ?? null,
    disable: (id, disabled_reason) =>
      database.transaction(async (tx) => {
        const now = Date.now()
        // In the order in which a try is noted, so that the two do not wait for each other.
        await tx
          .updateTable('weft.webhook_deliveries')
          .set({ status: 'failed', last_error: disabled_reason, updated_at: now })
          .where('webhook_id', '=', id)
          .where('status', '=', 'pending')
          .execute()
        await tx
          .updateTable('weft.webhooks')
          .set({ disabled_at: now, disabled_reason, updated_at: now })
          .where('id', '=', id)
          .where('disabled_at', 'is', null)
          .execute()
      }),
    target: async (id) =>
      (await database.run((db) =>
        db
          .selectFrom('weft.webhooks')
          .select(['url', 'secret', 'last_delivered_at'])
          .where('id', '=', id)
          .where('disabled_at', 'is', null)
          .executeTakeFirst(),
      )) ?? null,
  }
}

function list(database: Database, ...[tenant, page]: Parameters<WebhookRows['list']>): ReturnType<WebhookRows['list']> {
  return database.run((db) => {
    const all = db.selectFrom('weft.webhooks').where('tenant', '=', tenant)
    return readPage(
      all,
      all.select(COLUMNS),
      page,
      { at: 'created_at', id: 'id', newest_first: true },
      {
        item: (row) => row,
        key: (row) => ({ at: row.created_at, id: row.id }),
      },
    )
  })
}
