import { sql } from 'kysely'
import type { LogEvent } from '../thread/envelope.ts'
import type { Json } from '../thread/json.ts'
import type { ThreadRef } from '../thread/ports.ts'
import type { Database } from './database.ts'
import { dispatchRows } from './dispatch-rows.ts'
import { eventColumns, toStoredEvent, type EventRow } from './event-log.ts'
import { exportRows } from './export-rows.ts'
import { knownMessageIds, listMessages, messagesBetween, messagesByIds } from './message-rows.ts'
import { readModelInput } from './model-input.ts'
import { pendingRows } from './pending-rows.ts'
import { readReceipt } from './receipt.ts'
import { runRows } from './run-rows.ts'
import type { StepInputs } from './step-inputs.ts'
import type { ConversationRows, EventQuery } from './store.ts'
import { ticketRows } from './ticket-rows.ts'

export function conversationRows(database: Database, inputs: StepInputs): ConversationRows {
  return {
    listMessages: (ref, filter, page) => listMessages(database, ref, filter, page),
    modelInput: (ref, step) => readModelInput(database, inputs, ref, step),
    messagesBetween: (ref, range) => messagesBetween(database, ref, range),
    ...exportRows(database),
    messagesByIds: (ref, ids) => messagesByIds(database, ref, ids),
    ...pendingRows(database),
    receipt: (ref, message_id) => readReceipt(database, ref, message_id),
    knownMessageIds: (ref, ids) => knownMessageIds(database, ref, ids),
    ...runRows(database),
    ...dispatchRows(database),
    ...ticketRows(database),
    listEvents: (tenant, query) => listEvents(database, tenant, query),
    runStartedBefore: (ref, seq) => runStartedBefore(database, ref, seq),
    eventValue: (ref, seq, path) => eventValue(database, ref, seq, path),
  }
}

/**
 * One statement, so that `last_seq` and the events are of one moment. The events come as one JSON value: a driver takes a
 * row of nine columns apart in JavaScript, which for a page of them costs twice as much as everything else.
 */
async function listEvents(
  database: Database,
  tenant: string,
  query: EventQuery,
): Promise<{ events: LogEvent[]; last_seq: number; kept_from: number }> {
  const of = query.run_id === undefined ? sql`` : sql`and e.run_id = ${query.run_id}`
  const kinds = query.kinds === undefined ? sql`` : sql`and e.kind = any(${[...query.kinds]}::text[])`
  const { rows } = await database.run((db) =>
    sql<{ last_seq: number; kept_from: number; events: EventRow[] | null }>`
      select t.last_seq, t.kept_from, (
        select json_agg(r order by r.seq) from (
          select ${eventColumns} from weft.events e
          where e.tenant = t.tenant and e.thread_id = t.id and e.seq > ${query.after_seq}::bigint ${of} ${kinds}
          order by e.seq limit ${query.limit}::int
        ) r
      ) as events
      from weft.threads t
      where t.tenant = ${tenant} and t.id = ${query.thread_id} and t.deleted_at is null`.execute(db),
  )
  const { events = null, last_seq = 0, kept_from = 1 } = rows[0] ?? {}
  return { events: (events ?? []).map((row) => toStoredEvent(query.thread_id, row)), last_seq, kept_from }
}

async function runStartedBefore(database: Database, ref: ThreadRef, seq: number): Promise<string | null> {
  const row = await database.run((db) =>
    db
      .selectFrom('weft.events')
      .select('run_id')
      .where('tenant', '=', ref.tenant)
      .where('thread_id', '=', ref.thread_id)
      .where('seq', '<=', seq)
      .where('kind', '=', 'RunStarted')
      .orderBy('seq', 'desc')
      .limit(1)
      .executeTakeFirst(),
  )
  return row?.run_id ?? null
}

async function eventValue(database: Database, ref: ThreadRef, seq: number, path: string[]): Promise<Json | undefined> {
  const { rows } = await database.run((db) =>
    sql<{ value: Json; there: boolean }>`
      select payload #> ${path}::text[] as value, (payload #> ${path}::text[]) is not null as there
      from weft.events where tenant = ${ref.tenant} and thread_id = ${ref.thread_id} and seq = ${seq}::bigint`.execute(db),
  )
  return rows[0]?.there === true ? rows[0].value : undefined
}
