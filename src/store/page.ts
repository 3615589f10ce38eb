import { sql, type SelectQueryBuilder, type SqlBool } from 'kysely'
import type { Page, PageRequest } from './store.ts'
import { InvalidCursor } from './store.ts'

/** Where a keyset page goes on: after the row with this sort value and id. */
export type Keyset = { at: number; id: string }

export function encodeCursor(key: Keyset): string {
  return Buffer.from(JSON.stringify([key.at, key.id])).toString('base64url')
}

/** Null for the start. Throws `InvalidCursor` for a text that no page has given out. */
export function decodeCursor(cursor: string | undefined): Keyset | null {
  if (cursor === undefined || cursor === '') return null
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (Array.isArray(value) && Number.isSafeInteger(value[0]) && typeof value[1] === 'string')
      return { at: value[0], id: value[1] }
  } catch {
    // Falls through: not ours either way.
  }
  throw new InvalidCursor('The cursor is not one that this list has given out.')
}

/**
 * Makes a page of rows that were read with `limit + 1`. `count` is only asked when the rows themselves do not tell.
 * At the tail `next_cursor` stays where the list ended, so that a reader may poll with it.
 */
export async function toPage<Row, T>(
  rows: Row[],
  request: PageRequest,
  make: { item: (row: Row) => T; key: (row: Row) => Keyset; count: () => Promise<number> },
): Promise<Page<T>> {
  const has_more = rows.length > request.limit
  const shown = has_more ? rows.slice(0, request.limit) : rows
  const last = shown.at(-1)
  const whole = !has_more && (request.cursor ?? '') === '' && (request.offset ?? 0) === 0
  return {
    items: shown.map(make.item),
    total: whole ? rows.length : await make.count(),
    has_more,
    next_cursor: last === undefined ? (request.cursor ?? '') : encodeCursor(make.key(last)),
  }
}

/** How a list is sorted: by a number, then by an id that makes the place of each row its own. SQL, or names of columns. */
export type Sort = { at: string; id: string; newest_first: boolean }

/** One page of a list. `all`: every row that belongs to it; `columns`: the same with what is read of each. */
export async function readPage<DB, TB extends keyof DB, Row, T>(
  all: SelectQueryBuilder<DB, TB, object>,
  columns: SelectQueryBuilder<DB, TB, Row>,
  request: PageRequest,
  { at, id, newest_first }: Sort,
  make: { item: (row: Row) => T; key: (row: Row) => Keyset },
): Promise<Page<T>> {
  const after = decodeCursor(request.cursor)
  const [sort, beyond] = newest_first ? (['desc', '<'] as const) : (['asc', '>'] as const)
  let query = columns.orderBy(sql.raw(at), sort).orderBy(sql.raw(id), sort)
  if (after !== null)
    query = query.where(
      sql<SqlBool>`(${sql.raw(at)}, ${sql.raw(id)}) ${sql.raw(beyond)} (${after.at}::bigint, ${after.id}::text)`,
    )
  const rows = await query
    .limit(request.limit + 1)
    .offset(request.offset ?? 0)
    .execute()
  return toPage(rows, request, {
    ...make,
    count: async () => {
      const { total } = (await all.select(({ fn }) => fn.countAll<number>().as('total')).executeTakeFirstOrThrow()) as {
        total: number
      }
      return total
    },
  })
}
