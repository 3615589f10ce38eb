import { sql } from 'kysely'
import type { Content } from '../thread/message.ts'
import type { ThreadRef } from '../thread/ports.ts'
import type { PendingEntry } from '../thread/state.ts'
import type { Database } from './database.ts'
import type { ConversationRows, PendingRow } from './store.ts'

export function pendingRows(database: Database): Pick<ConversationRows, 'listPending' | 'getPending'> {
  return {
    listPending: (ref) => listPending(database, ref),
    getPending: (ref, pending_id) => getPending(database, ref, pending_id),
  }
}

/** An entry's place in its queue, from 1; undefined when it is not there. */
export function placeOf(
  queue: readonly PendingEntry[],
  pending_id: string,
): { entry: PendingEntry; position: number } | undefined {
  const index = queue.findIndex((entry) => entry.pending_id === pending_id)
  const entry = queue[index]
  return entry === undefined ? undefined : { entry, position: index + 1 }
}

/** The queue in its order; an entry whose content is gone is left out. */
async function listPending(database: Database, ref: ThreadRef): Promise<PendingRow[]> {
  const { thread, contents } = await database.run(async (db) => {
    const one = await db
      .selectFrom('weft.threads')
      .select('queue')
      .where('tenant', '=', ref.tenant)
      .where('id', '=', ref.thread_id)
      .executeTakeFirst()
    if (one === undefined || one.queue.length === 0) return { thread: one, contents: [] }
    const rows = await db
      .selectFrom('weft.pending')
      .select(['pending_id', 'content'])
      .where('tenant', '=', ref.tenant)
      .where('thread_id', '=', ref.thread_id)
      .execute()
    return { thread: one, contents: rows }
  })
  const known = new Map(contents.map((row) => [row.pending_id, row]))
  return (thread?.queue ?? []).flatMap((entry, index) => {
    const row = known.get(entry.pending_id)
    return row === undefined ? [] : [{ ...entry, content: row.content, position: index + 1 }]
  })
}

/** One statement, so that the entry and its content are of one moment. */
async function getPending(database: Database, ref: ThreadRef, pending_id: string): Promise<PendingRow | null> {
  const { rows } = await database.run((db) =>
    sql<{ queue: PendingEntry[]; content: Content }>`
      select t.queue, p.content from weft.threads t
      join weft.pending p on p.tenant = t.tenant and p.thread_id = t.id and p.pending_id = ${pending_id}
      where t.tenant = ${ref.tenant} and t.id = ${ref.thread_id}`.execute(db),
  )
  const [row] = rows
  const place = row === undefined ? undefined : placeOf(row.queue, pending_id)
  return row === undefined || place === undefined ? null : { ...place.entry, content: row.content, position: place.position }
}
