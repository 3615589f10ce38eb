import { sql } from 'kysely'
import { toJsonText } from './json-text.ts'
import { keepForks, lockLineage } from './lineage.ts'
import type { Tx } from './schema.ts'
import type { ThreadPatch, ThreadRows } from './store.ts'

const OWNED = [
  ...(['events', 'messages', 'pending', 'runs', 'dispatches', 'tickets', 'staged', 'snapshots', 'commands'] as const),
  ...(['lineage', 'webhook_deliveries', 'lost', 'traces'] as const),
] as const

/** Applies a patch to one thread; `null` when there is no such thread. Nothing is written on `cycle` and the like. */
export async function patchThread(
  tx: Tx,
  tenant: string,
  id: string,
  patch: ThreadPatch,
): Promise<'patched' | 'cycle' | 'parent_not_found' | null> {
  const parent = patch.parent_thread_id
  // Two threads that take each other as parent at the same time would each see no cycle.
  if (typeof parent === 'string')
    await sql`select pg_advisory_xact_lock(hashtextextended(${`weft.parents/${tenant}`}::text, 0))`.execute(tx)
  const row = await tx
    .selectFrom('weft.threads')
    .select(['custom'])
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst()
  if (row === undefined) return null
  if (typeof parent === 'string') {
    const refusal = await refuseParent(tx, tenant, id, parent)
    if (refusal !== null) return refusal
  }
  await tx
    .updateTable('weft.threads')
    .set({
      ...(patch.title === undefined ? {} : { title: patch.title }),
      ...(patch.resource_id === undefined ? {} : { resource_id: patch.resource_id }),
      ...(parent === undefined ? {} : { parent_thread_id: parent }),
      ...(patch.custom === undefined ? {} : { custom: toJsonText(merged(row.custom, patch.custom)) }),
      ...(patch.expires_after_s === undefined ? {} : { expires_after_s: patch.expires_after_s }),
      updated_at: Date.now(),
    })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .execute()
  return 'patched'
}

function merged(custom: object, patch: object): object {
  return Object.fromEntries(Object.entries({ ...custom, ...patch }).filter(([, value]) => value !== null))
}

async function refuseParent(tx: Tx, tenant: string, id: string, parent: string): Promise<'cycle' | 'parent_not_found' | null> {
  if (parent === id) return 'cycle'
  const found = await sql<{ id: string }>`
    with recursive up (id, parent) as (
      select id, parent_thread_id from weft.threads where tenant = ${tenant} and id = ${parent} and deleted_at is null
      union
      select t.id, t.parent_thread_id from up join weft.threads t on t.tenant = ${tenant} and t.id = up.parent
    ) select id from up`.execute(tx)
  if (found.rows.length === 0) return 'parent_not_found'
  return found.rows.some((row) => row.id === id) ? 'cycle' : null
}

/** Empties threads and leaves tombstones, whose risen epoch fences every writer that still runs. */
export async function deleteThread(
  tx: Tx,
  tenant: string,
  id: string,
  children: 'detach' | 'reject' | 'cascade',
): ReturnType<ThreadRows['delete']> {
  await lockLineage(tx, tenant, 'delete')
  // In the order of ids, so that two deletions that meet cannot wait for each other.
  const { rows } = await sql<{ id: string }>`
    with recursive down (id) as (
      select id from weft.threads where tenant = ${tenant} and id = ${id} and deleted_at is null
      union
      select t.id from down join weft.threads t on t.tenant = ${tenant} and t.parent_thread_id = down.id
    ) select id from weft.threads where tenant = ${tenant} and id in (select id from down) order by id for update`.execute(tx)
  if (rows.length === 0) return { status: 'not_found' }
  if (children === 'reject' && rows.length > 1) return { status: 'has_children' }
  const ids = children === 'cascade' ? rows.map((row) => row.id) : [id]
  if (children === 'detach') {
    await tx
      .updateTable('weft.threads')
      .set({ parent_thread_id: null })
      .where('tenant', '=', tenant)
      .where('parent_thread_id', '=', id)
      .execute()
  }
  await keepForks(tx, tenant, ids)
  for (const table of OWNED)
    await tx.deleteFrom(`weft.${table}`).where('tenant', '=', tenant).where('thread_id', 'in', ids).execute()
  const now = Date.now()
  await tx
    .updateTable('weft.threads')
    .set(({ eb }) => ({
      title: null,
      resource_id: null,
      parent_thread_id: null,
      forked_from_thread_id: null,
      forked_at_seq: null,
      custom: '{}',
      expires_after_s: null,
      status: 'idle' as const,
      active_run_id: null,
      message_count: 0,
      queue: '[]',
      queued: false,
      parked: false,
      epoch: eb('epoch', '+', 1),
      updated_at: now,
      deleted_at: now,
    }))
    .where('tenant', '=', tenant)
    .where('id', 'in', ids)
    .execute()
  return { status: 'deleted', ids }
}
