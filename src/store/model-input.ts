import { sql, type RawBuilder } from 'kysely'
import type { ThreadRef } from '../thread/ports.ts'
import type { RunRecord } from '../thread/records.ts'
import type { Database } from './database.ts'
import { asJson } from './message-rows.ts'
import type { Db } from './schema.ts'
import type { ModelInput, TranscriptRow } from './store.ts'
import type { StepInputs } from './step-inputs.ts'

/** PGlite works on the event loop: a long transcript is read in pieces, so that others get in between. */
const PIECE = 500
const COLUMNS = sql.raw('m.message_seq, m.message_id, m.role, m.content, m.created_at')

type Range = { from: number; through: number }

/**
 * The run and the conversation up to a message. The run comes with the first piece, which for a conversation that this
 * process knows is all there is to read: from the last message that it knows on, which the store must still have.
 */
export async function readModelInput(
  database: Database,
  inputs: StepInputs,
  ref: ThreadRef,
  { run_id, through }: { run_id: string; through: number },
): Promise<ModelInput | null> {
  const written = inputs.take(ref, { run_id, through })
  if (written !== null) return written
  const cache = inputs.transcripts
  const known = cache.get(ref, through)
  const last = known.at(-1)
  const begin = (from: number) => database.run((db) => readPiece(db, ref, { from, through }, run_id))
  const begun = await begin(last?.message_seq ?? 1)
  if (last === undefined) return await finish(begun, [])
  const [again, ...rest] = begun.rows
  if (again !== undefined && isSame(again, last)) return await finish({ ...begun, rows: rest }, known)
  cache.drop(ref)
  return await finish(await begin(1), [])

  async function finish({ record, rows, full }: Piece, before: readonly TranscriptRow[]): Promise<ModelInput | null> {
    if (record === null) return null
    const transcript = [...before, ...rows]
    for (let more = full; more;) {
      const from = (transcript.at(-1)?.message_seq ?? 0) + 1
      const piece = await database.run((db) => readPiece(db, ref, { from, through }))
      transcript.push(...piece.rows)
      more = piece.full
    }
    cache.put(ref, transcript)
    return { record, transcript }
  }
}

/** `full`: there may be more. `record`: null where it was not asked for, too. */
type Piece = { record: RunRecord | null; rows: TranscriptRow[]; full: boolean }

async function readPiece(db: Db, ref: ThreadRef, { from, through }: Range, run_id?: string): Promise<Piece> {
  const wanted = [sql`m.message_seq >= ${from}::bigint`, sql`m.message_seq <= ${through}::bigint`]
  const part = { wanted, order: sql`asc`, limit: PIECE }
  const { rows } = await sql<{ record: RunRecord | null; messages: TranscriptRow[] | null }>`
    select ${recordOf(ref, run_id)} as record, ${asJson(ref, COLUMNS, part)} as messages`.execute(db)
  const messages = rows[0]?.messages ?? []
  return { record: rows[0]?.record ?? null, rows: messages, full: messages.length === PIECE }
}

function recordOf({ tenant, thread_id }: ThreadRef, run_id: string | undefined): RawBuilder<unknown> {
  if (run_id === undefined) return sql`null::json`
  return sql`(select record from weft.runs where tenant = ${tenant} and thread_id = ${thread_id} and run_id = ${run_id})`
}

/**
 * Ids are no proof: a client may have given the message its id, and a step's follows from its run's, so a thread that
 * goes on from a backup can have the same ones again. It cannot have them of the same millisecond.
 */
function isSame(one: TranscriptRow, other: TranscriptRow): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
