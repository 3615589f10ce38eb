import { sql } from 'kysely'
import type { ThreadRef } from '../thread/ports.ts'
import type { Database } from './database.ts'
import { decodeCursor, toPage } from './page.ts'
import type { Db } from './schema.ts'
import type { MessageFilter, MessageRow, Page, PageRequest } from './store.ts'

const COLUMNS = [
  'message_id',
  'message_seq',
  'thread_id',
  'run_id',
  'step',
  'role',
  'content',
  'message_kind',
  'visibility',
  'interrupted',
  'metadata',
  'created_at',
] as const
/** PGlite works on the event loop: a long transcript is read in pieces, so that others get in between. */
const PIECE = 500

export async function listMessages(
  database: Database,
  ref: ThreadRef,
  filter: MessageFilter,
  page: PageRequest,
): Promise<Page<MessageRow>> {
  const from = decodeCursor(page.cursor)
  return database.run(async (db) => {
    let all = db.selectFrom('weft.messages').where('tenant', '=', ref.tenant).where('thread_id', '=', ref.thread_id)
    if (filter.run_id !== undefined) all = all.where('run_id', '=', filter.run_id)
    if (filter.visibility !== 'all') all = all.where('visibility', '=', filter.visibility)
    if (filter.after !== undefined) all = all.where('message_seq', '>', filter.after)
    if (filter.before !== undefined) all = all.where('message_seq', '<', filter.before)
    let query = all.select(COLUMNS).orderBy('message_seq', filter.order)
    if (from !== null) query = query.where('message_seq', filter.order === 'asc' ? '>' : '<', from.at)
    const rows = await query
      .limit(page.limit + 1)
      .offset(page.offset ?? 0)
      .execute()
    const unfiltered =
      filter.run_id === undefined && filter.visibility === 'all' && filter.after === undefined && filter.before === undefined
    return toPage(rows, page, {
      item: (row): MessageRow => row,
      key: (row) => ({ at: row.message_seq, id: row.message_id }),
      count: async () =>
        unfiltered
          ? committed(db, ref)
          : (await all.select(({ fn }) => fn.countAll<number>().as('total')).executeTakeFirstOrThrow()).total,
    })
  })
}

/** Numbers have no gaps, so the last one is the count. */
async function committed(db: Db, ref: ThreadRef): Promise<number> {
  const { rows } = await sql<{ total: number | null }>`
    select max(message_seq) as total from weft.messages where tenant = ${ref.tenant} and thread_id = ${ref.thread_id}`.execute(db)
  return rows[0]?.total ?? 0
}

export async function readTranscript(database: Database, ref: ThreadRef, through_seq: number): Promise<MessageRow[]> {
  const messages: MessageRow[] = []
  for (;;) {
    const after = messages.at(-1)?.message_seq ?? 0
    const piece = await database.run((db) =>
      db
        .selectFrom('weft.messages')
        .select(COLUMNS)
        .where('tenant', '=', ref.tenant)
        .where('thread_id', '=', ref.thread_id)
        .where('message_seq', '>', after)
        .where('message_seq', '<=', through_seq)
        .orderBy('message_seq')
        .limit(PIECE)
        .execute(),
    )
    messages.push(...piece)
    if (piece.length < PIECE) return messages
  }
}

/** In the order of the ids; those that are not in the conversation are left out. */
export async function messagesByIds(database: Database, ref: ThreadRef, ids: string[]): Promise<MessageRow[]> {
  if (ids.length === 0) return []
  const rows = await database.run((db) =>
    db
      .selectFrom('weft.messages')
      .select(COLUMNS)
      .where('tenant', '=', ref.tenant)
      .where('thread_id', '=', ref.thread_id)
      .where('message_id', 'in', ids)
      .execute(),
  )
  const known = new Map(rows.map((row) => [row.message_id, row]))
  return ids.flatMap((id) => known.get(id) ?? [])
}
