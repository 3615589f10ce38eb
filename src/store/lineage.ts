import { sql, type RawBuilder } from 'kysely'
import type { ThreadRef } from '../thread/ports.ts'
import type { Tx } from './schema.ts'

/** The part of a conversation that one thread has the rows of. Both numbers are included. */
export type Stretch = { thread_id: string; from_seq: number; to_seq: number }

const MESSAGES_COPIED_AT_ONCE = 1_000

/**
 * Whose rows make up a thread's conversation, as a table `(thread_id, from_seq, to_seq)`: its own and those that it
 * has by reference. No number is in two of them. Own rows are named without bounds, since one that was copied when
 * its source was deleted is as good as any.
 */
export function stretchesOf(ref: ThreadRef): RawBuilder<unknown> {
  return sql`(
    select ${ref.thread_id}::text as thread_id, 0::bigint as from_seq, ${Number.MAX_SAFE_INTEGER}::bigint as to_seq
    union all
    select source_thread_id, from_seq, to_seq from weft.lineage where tenant = ${ref.tenant} and thread_id = ${ref.thread_id}
  )`
}

/**
 * Forks of a tenant may be made side by side; a deletion waits for them and they for it. Otherwise a fork could
 * refer to rows that have just been looked through for those who refer to them.
 */
export async function lockLineage(tx: Tx, tenant: string, to: 'fork' | 'delete'): Promise<void> {
  const key = sql`hashtextextended(${`weft.lineage/${tenant}`}::text, 0)`
  await (to === 'fork' ? sql`select pg_advisory_xact_lock_shared(${key})` : sql`select pg_advisory_xact_lock(${key})`).execute(tx)
}

/** The stretches of a conversation from 1 to `through`, in order: what a fork at that message refers to. */
export async function stretchesThrough(tx: Tx, ref: ThreadRef, through: number): Promise<Stretch[]> {
  const rows = await tx
    .selectFrom('weft.lineage')
    .select(['source_thread_id', 'from_seq', 'to_seq'])
    .where('tenant', '=', ref.tenant)
    .where('thread_id', '=', ref.thread_id)
    .where('from_seq', '<=', through)
    .orderBy('from_seq')
    .execute()
  const stretches: Stretch[] = []
  let next = 1
  for (const { source_thread_id, from_seq, to_seq } of rows) {
    if (from_seq > next) stretches.push({ thread_id: ref.thread_id, from_seq: next, to_seq: from_seq - 1 })
    stretches.push({ thread_id: source_thread_id, from_seq, to_seq: Math.min(to_seq, through) })
    next = to_seq + 1
  }
  if (next <= through) stretches.push({ thread_id: ref.thread_id, from_seq: next, to_seq: through })
  return stretches
}

/** Before threads are emptied: gives their forks copies of the rows that these have by reference. */
export async function keepForks(tx: Tx, tenant: string, ids: string[]): Promise<void> {
  const wanted = await tx
    .selectFrom('weft.lineage')
    .select(['thread_id', 'source_thread_id', 'from_seq', 'to_seq'])
    .where('tenant', '=', tenant)
    .where('source_thread_id', 'in', ids)
    .where('thread_id', 'not in', ids)
    .execute()
  for (const { thread_id, source_thread_id, from_seq, to_seq } of wanted) {
    for (let from = from_seq; from <= to_seq; from += MESSAGES_COPIED_AT_ONCE) {
      const to = Math.min(to_seq, from + MESSAGES_COPIED_AT_ONCE - 1)
      await sql`
        insert into weft.messages (${COPIED}, tenant, thread_id)
        select ${COPIED}, ${tenant}::text, ${thread_id}::text from weft.messages
        where tenant = ${tenant} and thread_id = ${source_thread_id} and message_seq between ${from}::bigint and ${to}::bigint`.execute(
        tx,
      )
    }
  }
  await tx.deleteFrom('weft.lineage').where('tenant', '=', tenant).where('source_thread_id', 'in', ids).execute()
}

const COPIED = sql.raw(
  'message_seq, message_id, run_id, step, role, content, message_kind, visibility, interrupted, metadata, created_at, read_by_step',
)
