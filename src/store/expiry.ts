import { sql } from 'kysely'
import type { Database } from './database.ts'
import { lockLineage } from './lineage.ts'
import type { ExpiredThread, ExpiryQuery } from './store.ts'
import { deleteThread } from './thread-tree.ts'

/** Threads whose time is up, the longest expired first. Those with an open run or a message that waits are none of them. */
export async function listExpired(
  database: Database,
  tenant: string,
  { now, whose, limit, after }: ExpiryQuery,
): Promise<ExpiredThread[]> {
  const [at, id] = [after?.at ?? -1, after?.id ?? '']
  const { rows } = await database.run((db) =>
    // As the indexes have it.
    whose === 'own'
      ? sql<ExpiredThread>`
          select id, epoch, updated_at, updated_at + expires_after_s * 1000::bigint as at from weft.threads
          where tenant = ${tenant} and expires_after_s > 0 and deleted_at is null and status = 'idle' and not queued
            and updated_at + expires_after_s * 1000::bigint <= ${now}::bigint
            and (updated_at + expires_after_s * 1000::bigint, id) > (${at}::bigint, ${id})
          order by updated_at + expires_after_s * 1000::bigint, id limit ${limit}::int`.execute(db)
      : sql<ExpiredThread>`
          select id, epoch, updated_at, updated_at as at from weft.threads
          where tenant = ${tenant} and expires_after_s is null and deleted_at is null and status = 'idle' and not queued
            and updated_at <= ${now - whose.ttl_ms}::bigint and (updated_at, id) > (${at}::bigint, ${id})
          order by updated_at, id limit ${limit}::int`.execute(db),
  )
  return rows
}

/** Deletes a thread as a caller would, unless anything has happened on it since it was listed, or somebody is still to be told of it. */
export function expire(database: Database, tenant: string, { id, epoch, updated_at }: ExpiredThread): Promise<boolean> {
  return database.long(async (tx) => {
    // Before the row, as every deletion does.
    await lockLineage(tx, tenant, 'delete')
    const { rows } = await sql`
      select 1 from weft.threads where tenant = ${tenant} and id = ${id} and deleted_at is null and status = 'idle' and not queued
        and epoch = ${epoch}::bigint and updated_at = ${updated_at}::bigint
        and not exists (
          select 1 from weft.webhook_deliveries d where d.tenant = ${tenant} and d.thread_id = ${id} and d.status = 'pending')
      for update`.execute(tx)
    if (rows.length === 0) return false
    return (await deleteThread(tx, tenant, id, 'detach')).status === 'deleted'
  })
}
