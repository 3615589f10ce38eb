import { sql, type SelectQueryBuilder } from 'kysely'
import type { Database } from './database.ts'
import { toJsonText } from './json-text.ts'
import { decodeCursor, toPage } from './page.ts'
import type { Tables, Tx } from './schema.ts'
import type { NewThread, Page, PageRequest, ThreadFilter, ThreadRow, ThreadRows } from './store.ts'
import { deleteThread, patchThread } from './thread-tree.ts'

const COLUMNS = [
  'tenant',
  'id',
  'title',
  'resource_id',
  'parent_thread_id',
  'custom',
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

export function threadRows(database: Database): ThreadRows {
  return {
    create: (tenant, thread) => database.transaction((tx) => create(tx, tenant, thread)),
    get: (tenant, id) =>
      database.run(async (db) => {
        const row = await db
          .selectFrom('weft.threads')
          .select([...COLUMNS, 'deleted_at'])
          .where('tenant', '=', tenant)
          .where('id', '=', id)
          .executeTakeFirst()
        if (row === undefined) return null
        const { deleted_at, ...thread } = row
        return deleted_at === null ? thread : 'deleted'
      }),
    list: (tenant, filter, page) => list(database, tenant, filter, page),
    patch: (tenant, id, patch) =>
      database.transaction(async (tx) => {
        const status = await patchThread(tx, tenant, id, patch)
        if (status !== 'patched') return status
        return await readThread(tx, tenant, id)
      }),
    delete: (tenant, id, children) => database.long((tx) => deleteThread(tx, tenant, id, children)),
    listOpen: ({ updated_before, limit, after }) =>
      database.run((db) =>
        db
          .selectFrom('weft.threads')
          .select(['tenant', 'id', 'status', 'updated_at'])
          // As the index has it.
          .where(sql<boolean>`(status <> 'idle' or (queued and not parked))`)
          .where('updated_at', '<', updated_before)
          .$if(after !== undefined, (query) =>
            query.where(sql<boolean>`(updated_at, tenant, id) > (${after?.updated_at}, ${after?.tenant}, ${after?.id})`),
          )
          .orderBy('updated_at')
          .orderBy('tenant')
          .orderBy('id')
          .limit(limit)
          .execute(),
      ),
  }
}

async function create(tx: Tx, tenant: string, thread: NewThread): ReturnType<ThreadRows['create']> {
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
      custom: toJsonText(thread.custom ?? {}),
      created_at: now,
      updated_at: now,
    })
    .onConflict((conflict) => conflict.columns(['tenant', 'id']).doNothing())
    .returning(COLUMNS)
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

function readThread(tx: Tx, tenant: string, id: string): Promise<ThreadRow> {
  return tx.selectFrom('weft.threads').select(COLUMNS).where('tenant', '=', tenant).where('id', '=', id).executeTakeFirstOrThrow()
}

async function list(database: Database, tenant: string, filter: ThreadFilter, page: PageRequest): Promise<Page<ThreadRow>> {
  const after = decodeCursor(page.cursor)
  return database.run(async (db) => {
    const all = filtered(db.selectFrom('weft.threads').where('tenant', '=', tenant).where('deleted_at', 'is', null), filter)
    let query = all.select(COLUMNS).orderBy('updated_at', 'desc').orderBy('id', 'desc')
    if (after !== null) query = query.where(sql<boolean>`(updated_at, id) < (${after.at}::bigint, ${after.id}::text)`)
    const rows = await query
      .limit(page.limit + 1)
      .offset(page.offset ?? 0)
      .execute()
    return toPage(rows, page, {
      item: (row) => row,
      key: (row) => ({ at: row.updated_at, id: row.id }),
      count: async () => (await all.select(({ fn }) => fn.countAll<number>().as('total')).executeTakeFirstOrThrow()).total,
    })
  })
}

function filtered<O>(
  from: SelectQueryBuilder<Tables, 'weft.threads', O>,
  filter: ThreadFilter,
): SelectQueryBuilder<Tables, 'weft.threads', O> {
  let query = from
  if (filter.resource_id !== undefined) query = query.where('resource_id', '=', filter.resource_id)
  if (filter.parent_thread_id !== undefined) query = query.where('parent_thread_id', '=', filter.parent_thread_id)
  if (filter.root === true) query = query.where('parent_thread_id', 'is', null)
  if (filter.root === false) query = query.where('parent_thread_id', 'is not', null)
  // An index of its own serves the open ones, and needs to be told that they are.
  if (filter.status !== undefined) query = query.where('status', '=', filter.status)
  if (filter.updated_after !== undefined) query = query.where('updated_at', '>', filter.updated_after)
  return query
}
