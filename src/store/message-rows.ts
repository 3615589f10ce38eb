import { sql, type RawBuilder } from 'kysely'
import type { ThreadRef } from '../thread/ports.ts'
import type { Database } from './database.ts'
import { stretchesOf } from './lineage.ts'
import { decodeCursor, toPage } from './page.ts'
import type { Db } from './schema.ts'
import type { MessageFilter, MessageRow, Page, PageRequest } from './store.ts'

const COLUMNS = sql.raw(
  'm.message_id, m.message_seq, m.run_id, m.step, m.role, m.content, m.message_kind, m.visibility, m.interrupted, m.metadata, m.created_at',
)

export async function listMessages(
  database: Database,
  ref: ThreadRef,
  filter: MessageFilter,
  page: PageRequest,
): Promise<Page<MessageRow>> {
  const from = decodeCursor(page.cursor)
  const wanted: RawBuilder<unknown>[] = []
  if (filter.run_id !== undefined) wanted.push(sql`m.run_id = ${filter.run_id}`)
  if (filter.visibility !== 'all') wanted.push(sql`m.visibility = ${filter.visibility}`)
  if (filter.after !== undefined) wanted.push(sql`m.message_seq > ${filter.after}::bigint`)
  if (filter.before !== undefined) wanted.push(sql`m.message_seq < ${filter.before}::bigint`)
  const [order, beyond] = filter.order === 'asc' ? ([sql`asc`, sql`>`] as const) : ([sql`desc`, sql`<`] as const)
  const paged = from === null ? wanted : [...wanted, sql`m.message_seq ${beyond} ${from.at}::bigint`]
  const limit = page.limit + 1
  const offset = page.offset ?? 0
  return database.run(async (db) =>
    toPage(await read(db, ref, { wanted: paged, order, limit, offset }), page, {
      item: (row): MessageRow => row,
      key: (row) => ({ at: row.message_seq, id: row.message_id }),
      count: () => (filter.run_id === undefined ? countByNumber(db, ref, filter, wanted) : count(db, ref, wanted)),
    }),
  )
}

type Part = { wanted: readonly RawBuilder<unknown>[]; order: RawBuilder<unknown>; limit: number; offset?: number }

async function read(db: Db, ref: ThreadRef, part: Part): Promise<MessageRow[]> {
  const columns = sql`${COLUMNS}, ${ref.thread_id}::text as thread_id`
  const { rows } = await sql<{ messages: MessageRow[] | null }>`select ${asJson(ref, columns, part)} as messages`.execute(db)
  return rows[0]?.messages ?? []
}

/**
 * These columns of messages `m` of the conversation as one JSON value, null for none: a driver takes rows apart in
 * JavaScript, which can cost three times as much as everything else. Each stretch gives its first rows by its own index;
 * so a part costs the same wherever it stands.
 */
export function asJson(
  ref: ThreadRef,
  columns: RawBuilder<unknown>,
  { wanted, order, limit, offset = 0 }: Part,
): RawBuilder<unknown> {
  return sql`(
    select json_agg(r order by r.message_seq ${order}) from (
      select m.* from ${stretchesOf(ref)} as s cross join lateral (
        select ${columns} from weft.messages m where ${within(ref, wanted)}
        order by m.message_seq ${order} limit ${limit + offset}::bigint
      ) m order by m.message_seq ${order} limit ${limit}::bigint offset ${offset}::bigint
    ) r
  )`
}

/** Messages `m` of a stretch `s` of the conversation, of which all this is true. */
export function within(ref: ThreadRef, wanted: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  const stretch = sql`m.tenant = ${ref.tenant} and m.thread_id = s.thread_id and m.message_seq between s.from_seq and s.to_seq`
  return sql.join([stretch, ...wanted], sql` and `)
}

async function count(db: Db, ref: ThreadRef, wanted: readonly RawBuilder<unknown>[]): Promise<number> {
  const { rows } = await sql<{ total: number }>`select ${counted(ref, wanted)} as total`.execute(db)
  return rows[0]?.total ?? 0
}

/** How many messages `m` of the conversation there are of which all this is true. */
function counted(ref: ThreadRef, wanted: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return sql`(
    select coalesce(sum(c.total), 0)::bigint from ${stretchesOf(ref)} as s cross join lateral (
      select count(*) as total from weft.messages m where ${within(ref, wanted)}
    ) c
  )`
}

/**
 * Numbers have no gaps, so the first and the last one tell how many there are between. Of these only the internal ones,
 * which are few, are counted, by an index of their own. Where a repair has found messages lost, all are.
 */
async function countByNumber(
  db: Db,
  ref: ThreadRef,
  { after = 0, before, visibility }: MessageFilter,
  wanted: RawBuilder<unknown>[],
): Promise<number> {
  const internal = [sql`m.visibility = 'internal'`, sql`m.message_seq > ${after}::bigint`]
  if (before !== undefined) internal.push(sql`m.message_seq < ${before}::bigint`)
  if (visibility === 'internal') return count(db, ref, internal)
  const others = visibility === 'all' ? sql`0::bigint` : counted(ref, internal)
  const { rows } = await sql<{ last: number | null; others: number; holes: boolean }>`
    select ${others} as others, greatest(
      (select max(message_seq) from weft.messages where tenant = ${ref.tenant} and thread_id = ${ref.thread_id}),
      (select max(to_seq) from weft.lineage where tenant = ${ref.tenant} and thread_id = ${ref.thread_id})
    ) as last, exists (
      select 1 from ${stretchesOf(ref)} as s join weft.lost l on l.thread_id = s.thread_id
      where l.tenant = ${ref.tenant} and l.what = 'messages'
    ) as holes`.execute(db)
  const [row] = rows
  if (row === undefined || row.holes) return count(db, ref, wanted)
  const last = Math.min(row.last ?? 0, (before ?? Infinity) - 1)
  return Math.max(0, last - Math.max(0, after) - row.others)
}

export function messagesBetween(
  database: Database,
  ref: ThreadRef,
  { after, through, limit }: { after: number; through: number; limit: number },
): Promise<MessageRow[]> {
  const wanted = [sql`m.message_seq > ${after}::bigint`, sql`m.message_seq <= ${through}::bigint`]
  return database.run((db) => read(db, ref, { wanted, order: sql`asc`, limit }))
}

/**
 * The messages `m` of a conversation that have these ids. The numbers are compared afterwards (`offset 0` keeps the two
 * apart): told at once, the planner goes by number through the whole conversation, however few the ids are.
 */
function withIds(ref: ThreadRef, ids: readonly string[]): RawBuilder<unknown> {
  return sql`${stretchesOf(ref)} as s cross join lateral (
    select m.* from weft.messages m
    where m.tenant = ${ref.tenant} and m.thread_id = s.thread_id and m.message_id = any(${[...ids]}::text[]) offset 0
  ) m where m.message_seq between s.from_seq and s.to_seq`
}

/** In the order of the ids; those that are not in the conversation are left out. */
export async function messagesByIds(database: Database, ref: ThreadRef, ids: string[]): Promise<MessageRow[]> {
  if (ids.length === 0) return []
  const { rows } = await database.run((db) =>
    sql<MessageRow>`
      select ${COLUMNS}, ${ref.thread_id}::text as thread_id from ${withIds(ref, ids)}`.execute(db),
  )
  const known = new Map(rows.map((row) => [row.message_id, row]))
  return ids.flatMap((id) => known.get(id) ?? [])
}

/** Which of these ids stand in the conversation or in the queue. */
export async function knownMessageIds(database: Database, ref: ThreadRef, ids: string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const { rows } = await database.run((db) =>
    sql<{ id: string }>`
      select m.message_id as id from ${withIds(ref, ids)}
      union
      select pending_id from weft.pending
      where tenant = ${ref.tenant} and thread_id = ${ref.thread_id} and pending_id in (${sql.join(ids)})`.execute(db),
  )
  return rows.map((row) => row.id)
}
