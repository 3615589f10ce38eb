import { sql, type SelectQueryBuilder } from 'kysely'
import type { ThreadRef } from '../thread/ports.ts'
import type { Database } from './database.ts'
import { expire, listExpired } from './expiry.ts'
import { forkThread } from './fork.ts'
import { readPage } from './page.ts'
import type { Tables, Tx } from './schema.ts'
import type { StepInputs } from './step-inputs.ts'
import type { Page, PageRequest, ThreadFilter, ThreadRow, ThreadRows } from './store.ts'
import { createThread, THREAD_COLUMNS } from './thread-create.ts'
import { deleteThread, patchThread } from './thread-tree.ts'

/** Every request asks for its thread: as text, since building a query of twenty columns takes half as long as its answer. */
const COLUMNS = sql.raw(THREAD_COLUMNS.join(', '))

export function threadRows(database: Database, inputs: StepInputs): ThreadRows {
  return {
    create: (tenant, thread) => database.transaction((tx) => createThread(tx, tenant, thread)),
    fork: (tenant, source, at, thread) => database.transaction((tx) => forkThread(tx, tenant, { source, at, thread })),
    get: (tenant, id) =>
      database.run(async (db) => {
        const { rows } = await sql<ThreadRow & { deleted_at: number | null }>`
          select ${COLUMNS}, deleted_at from weft.threads where tenant = ${tenant} and id = ${id}`.execute(db)
        const [row] = rows
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
    delete: async (tenant, id, children) => {
      const result = await database.long((tx) => deleteThread(tx, tenant, id, children))
      if (result.status === 'deleted') for (const thread_id of result.ids) inputs.forget({ tenant, thread_id })
      return result
    },
    listUnforgotten: async (limit) =>
      (
        await database.run((db) =>
          db
            .selectFrom('weft.threads')
            .select(['tenant', 'id', 'deleted_at'])
            .where('deleted_at', 'is not', null)
            .where('forgotten_at', 'is', null)
            .orderBy('deleted_at')
            .orderBy('tenant')
            .orderBy('id')
            .limit(limit)
            .execute(),
        )
      ).map(({ tenant, id, deleted_at }) => ({ tenant, thread_id: id, deleted_at: deleted_at ?? 0 })),
    markForgotten: async ({ tenant, thread_id }) => {
      await database.run((db) =>
        db
          .updateTable('weft.threads')
          .set({ forgotten_at: Date.now() })
          .where('tenant', '=', tenant)
          .where('id', '=', thread_id)
          .where('deleted_at', 'is not', null)
          .execute(),
      )
    },
    listExpired: (tenant, query) => listExpired(database, tenant, query),
    expire: (tenant, thread) => expire(database, tenant, thread),
    lastSeqs: async (refs) => {
      if (refs.length === 0) return []
      const { rows } = await database.run((db) =>
        sql<ThreadRef & { last_seq: number; deleted: boolean }>`
          select t.tenant, t.id as thread_id, t.last_seq, t.deleted_at is not null as deleted
          from unnest(${refs.map((ref) => ref.tenant)}::text[], ${refs.map((ref) => ref.thread_id)}::text[]) as r (tenant, id)
          join weft.threads t on t.tenant = r.tenant and t.id = r.id`.execute(db),
      )
      return rows
    },
    listOpen: ({ updated_before, limit, after }) =>
      database.run((db) =>
        db
          .selectFrom('weft.threads')
          .select(['tenant', 'id', 'status', 'updated_at'])
          // As the index has it.
          .where(sql<boolean>`(status <> 'idle' or queued)`)
          // A parked queue stays where it is, but for a replacement that was held back.
          .where(
            sql<boolean>`(status <> 'idle' or not parked or exists (
              select 1 from json_array_elements(queue) q where q -> 'delivery' ->> 'boundary' = 'interrupt'))`,
          )
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

function readThread(tx: Tx, tenant: string, id: string): Promise<ThreadRow> {
  return tx
    .selectFrom('weft.threads')
    .select(THREAD_COLUMNS)
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
}

function list(database: Database, tenant: string, filter: ThreadFilter, page: PageRequest): Promise<Page<ThreadRow>> {
  return database.run((db) => {
    const all = filtered(db.selectFrom('weft.threads').where('tenant', '=', tenant).where('deleted_at', 'is', null), filter)
    return readPage(
      all,
      all.select(THREAD_COLUMNS),
      page,
      { at: 'updated_at', id: 'id', newest_first: true },
      {
        item: (row) => row,
        key: (row) => ({ at: row.updated_at, id: row.id }),
      },
    )
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
