import { sql } from 'kysely'
import type { Decider } from '../thread/event.ts'
import type { ThreadRef } from '../thread/ports.ts'
import type { PendingEntry } from '../thread/state.ts'
import type { Database } from './database.ts'
import { stretchesOf } from './lineage.ts'
import { within } from './message-rows.ts'
import { placeOf } from './pending-rows.ts'
import type { Receipt } from './store.ts'

/** What the index on a pending message's events covers; as text in the statement, or it would not be used. */
const KINDS = ['PendingDelivered', 'PendingRetracted', 'PendingUndelivered'] as const

/** One of the message's events, beside what the conversation and the queue have of it. */
type Found = {
  seq: number | null
  kind: (typeof KINDS)[number]
  run_id: string | null
  occurred_at: number
  for_run_id: string | null
  reason: string | null
  retracted_by: Decider | null
  read_by: string | null
  read_by_step: number | null
  read_at: number
  message_seq: number | null
  queue: PendingEntry[] | null
}

/**
 * What became of a message that was delivered to the thread, or to one that it is a fork of; null for any other. It is one statement, so that a message
 * on its way from the queue into the conversation is seen in one of the two. A run's input has no step of its own,
 * whether it waited or was read at once; what models and tools say has one.
 */
export async function readReceipt(database: Database, ref: ThreadRef, message_id: string): Promise<Receipt | null> {
  // One look-up a key and kind: of a list of keys the index may be asked for its whole part of the thread.
  const events = KINDS.map(
    (kind) => sql`
      select seq, kind, run_id, occurred_at, payload from weft.events
      where tenant = ${ref.tenant} and thread_id = ${ref.thread_id}
        and kind = ${sql.lit(kind)} and idempotency_key = ${`${kind}/${ref.thread_id}/${message_id}`}`,
  )
  const { rows } = await database.run((db) =>
    sql<Found>`
      select e.seq, e.kind, e.run_id, e.occurred_at,
        e.payload ->> 'for_run_id' as for_run_id, e.payload ->> 'reason' as reason, e.payload -> 'retracted_by' as retracted_by,
        m.run_id as read_by, m.read_by_step, m.created_at as read_at, m.message_seq,
        case when m.message_seq is null then t.queue end as queue
      from weft.threads t
      left join lateral (
        select m.* from ${stretchesOf(ref)} as s
        join weft.messages m on ${within(ref, [sql`m.message_id = ${message_id}`, sql`m.step is null`])}
      ) m on true
      left join (${sql.join(events, sql` union all `)}) e on true
      where t.tenant = ${ref.tenant} and t.id = ${ref.thread_id}`.execute(db),
  )
  const [any] = rows
  if (any === undefined) return null
  const story = rows.filter((row) => row.seq !== null).sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0))
  const delivered = story.findLast((row) => row.kind === 'PendingDelivered')
  if (any.message_seq !== null) return { message_id, ...consumed(any, delivered?.for_run_id ?? null) }
  // An id that was given back may have been delivered again: its latest event counts.
  const last = story.at(-1)
  if (last === undefined) return null
  if (last.kind !== 'PendingDelivered') return { message_id, ...departed(last) }
  const place = placeOf(any.queue ?? [], message_id)
  return place === undefined ? null : { message_id, ...waiting(place) }
}

type Facts = Omit<Receipt, 'message_id'>

function consumed(row: Found, for_run_id: string | null): Facts {
  return {
    state: 'consumed',
    ...(row.read_by === null ? {} : { run_id: row.read_by }),
    ...(row.read_by_step === null ? {} : { step: row.read_by_step }),
    ...(row.message_seq === null ? {} : { message_seq: row.message_seq }),
    ...(for_run_id === null || for_run_id === row.read_by ? {} : { reason: 'coalesced' }),
    at: row.read_at,
  }
}

function departed(row: Found): Facts {
  if (row.kind === 'PendingRetracted')
    return { state: 'retracted', ...(row.retracted_by === null ? {} : { by: row.retracted_by }), at: row.occurred_at }
  return {
    state: 'undelivered',
    ...(row.run_id === null ? {} : { run_id: row.run_id }),
    ...(row.reason === null ? {} : { reason: row.reason }),
    at: row.occurred_at,
  }
}

function waiting({ entry, position }: { entry: PendingEntry; position: number }): Facts {
  const run_id = entry.for_run_id ?? entry.delivery.target_run_id
  return { state: 'pending', position, ...(run_id === undefined ? {} : { run_id }), at: entry.created_at }
}
