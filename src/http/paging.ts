import type { Json } from '../thread/json.ts'
import type { Page, PageRequest } from '../store/store.ts'
import { decodeCursor, encodeCursor } from './cursors.ts'
import { DEFAULT_LIMIT } from './schemas/common.ts'

export type PageQuery = { limit?: number | undefined; offset?: number | undefined; cursor?: string | undefined }

/** A query's page as the store takes it. `scope` names the list; a cursor of another list is refused. */
export function pageRequest(scope: string, query: PageQuery): PageRequest {
  const limit = query.limit ?? DEFAULT_LIMIT
  if (query.cursor !== undefined) return { limit, cursor: decodeCursor(scope, query.cursor) }
  return query.offset === undefined ? { limit } : { limit, offset: query.offset }
}

/** A page's frame; the rows are put in by the caller. An offset means nothing beside a cursor and is not shown then. */
export function pageFrame(scope: string, query: PageQuery, page: Page<unknown>): { [key: string]: Json } {
  const { total, has_more } = page
  const frame = { total, has_more, next_cursor: encodeCursor(scope, page.next_cursor), limit: query.limit ?? DEFAULT_LIMIT }
  return query.cursor === undefined ? { ...frame, offset: query.offset ?? 0 } : frame
}

/** A page of rows under `items`. */
export function presentPage<T>(
  scope: string,
  query: PageQuery,
  page: Page<T>,
  present: (row: T) => Json,
): { [key: string]: Json } {
  return { items: page.items.map(present), ...pageFrame(scope, query, page) }
}
