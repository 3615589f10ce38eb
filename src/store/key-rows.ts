import { sql } from 'kysely'
import type { Database } from './database.ts'
import { readPage } from './page.ts'
import type { ApiKeyRow, ApiKeyRows } from './api-keys.ts'

const COLUMNS = [
  'key_id',
  'tenant',
  'role',
  'name',
  'created_at',
  'created_by',
  'expires_at',
  'revoked_at',
  'revoked_by',
  'last_used_at',
] as const

export function keyRows(database: Database): ApiKeyRows {
  return {
    async create(key) {
      await database.run((db) => db.insertInto('weft.api_keys').values(key).execute())
    },
    find: async (key_id) =>
      (await database.run((db) =>
        db
          .selectFrom('weft.api_keys')
          .select([...COLUMNS, 'hash'])
          .where('key_id', '=', key_id)
          .executeTakeFirst(),
      )) ?? null,
    async any() {
      const found = await database.run((db) => db.selectFrom('weft.api_keys').select('key_id').limit(1).executeTakeFirst())
      return found !== undefined
    },
    list: (tenant, page) =>
      database.run((db) => {
        let all = db.selectFrom('weft.api_keys')
        if (tenant !== null) all = all.where('tenant', '=', tenant)
        const sort = { at: 'created_at', id: 'key_id', newest_first: true }
        return readPage(all, all.select(COLUMNS), page, sort, {
          item: (row): ApiKeyRow => row,
          key: (row) => ({ at: row.created_at, id: row.key_id }),
        })
      }),
    async revoke(tenant, key_id, { at, by }) {
      return database.transaction(async (tx) => {
        let query = tx.selectFrom('weft.api_keys').select(COLUMNS).where('key_id', '=', key_id)
        if (tenant !== null) query = query.where('tenant', '=', tenant)
        const row = await query.forUpdate().executeTakeFirst()
        if (row === undefined) return null
        if (row.revoked_at !== null) return row
        await tx.updateTable('weft.api_keys').set({ revoked_at: at, revoked_by: by }).where('key_id', '=', key_id).execute()
        return { ...row, revoked_at: at, revoked_by: by }
      })
    },
    async touch(key_id, at) {
      await database.run((db) =>
        db
          .updateTable('weft.api_keys')
          .set({ last_used_at: at })
          .where('key_id', '=', key_id)
          .where(sql<boolean>`coalesce(last_used_at, 0) < ${at}::bigint`)
          .execute(),
      )
    },
    secret: (name, fresh) =>
      database.transaction(async (tx) => {
        await tx
          .insertInto('weft.secrets')
          .values({ name, value: fresh(), created_at: Date.now() })
          .onConflict((conflict) => conflict.column('name').doNothing())
          .execute()
        const row = await tx.selectFrom('weft.secrets').select('value').where('name', '=', name).executeTakeFirstOrThrow()
        return row.value
      }),
  }
}
