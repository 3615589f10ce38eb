import { toJsonText } from './json-text.ts'
import type { Tx } from './schema.ts'
import type { NewThread, ThreadRows } from './store.ts'

export const THREAD_COLUMNS = [
  'tenant',
  'id',
  'title',
  'resource_id',
  'parent_thread_id',
  'forked_from_thread_id',
  'forked_at_seq',
  'custom',
  'expires_after_s',
  'status',
  'agent_id',
  'active_run_id',
  'message_count',
  'queue_revision',
  'parked',
  'last_seq',
  'created_at',
  'updated_at',
] as const

/** A row of the `threads` table. `fork`: where its history comes from. Statuses other than `created` change nothing. */
export async function createThread(
  tx: Tx,
  tenant: string,
  thread: NewThread,
  fork: { forked_from_thread_id: string; forked_at_seq: number } | null = null,
): ReturnType<ThreadRows['create']> {
  const parent = thread.parent_thread_id ?? null
  if (parent !== null) {
    const found = await tx
      .selectFrom('weft.threads')
      .select('id')
      .where('tenant', '=', tenant)
      .where('id', '=', parent)
      .where('deleted_at', 'is', null)
      .forShare() // it must not be deleted before this one stands under it
      .executeTakeFirst()
    if (found === undefined && (await statusOf(tx, tenant, thread.id)) === null) return { status: 'parent_not_found' }
  }
  const now = Date.now()
  const inserted = await tx
    .insertInto('weft.threads')
    .values({
      tenant,
      id: thread.id,
      title: thread.title ?? null,
      resource_id: thread.resource_id ?? null,
      parent_thread_id: parent,
      ...fork,
      custom: toJsonText(thread.custom ?? {}),
      expires_after_s: thread.expires_after_s ?? null,
      created_at: now,
      updated_at: now,
    })
    .onConflict((conflict) => conflict.columns(['tenant', 'id']).doNothing())
    .returning(THREAD_COLUMNS)
    .executeTakeFirst()
  if (inserted !== undefined) return { status: 'created', thread: inserted }
  return { status: (await statusOf(tx, tenant, thread.id)) ?? 'exists' }
}

async function statusOf(tx: Tx, tenant: string, id: string): Promise<'exists' | 'deleted' | null> {
  const row = await tx
    .selectFrom('weft.threads')
    .select('deleted_at')
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return null
  return row.deleted_at === null ? 'exists' : 'deleted'
}
