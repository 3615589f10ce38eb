import { sql } from 'kysely'
import { jsonSize, type JsonObject } from '../thread/json.ts'
import { LEDGER_AGE_MS, LEDGER_SIZE, MAX_LEDGER_BYTES } from '../thread/limits.ts'
import type { LoadInput, PersistBatch } from '../thread/ports.ts'
import type { LedgerEntry, Snapshot } from '../thread/state.ts'
import type { Database } from './database.ts'
import { toJsonText } from './json-text.ts'
import { begin, persist, type Stored } from './persist.ts'
import { StagedCache } from './staged-cache.ts'
import type { Db } from './schema.ts'
import type { StepInputs } from './step-inputs.ts'
import type { EngineRows, Persisted } from './store.ts'

export function engineRows(database: Database, inputs: StepInputs): EngineRows {
  const cache = new StagedCache()

  /** Only after the commit. */
  function noted(batch: PersistBatch, { wrote, ...result }: Stored): Persisted {
    if (wrote !== undefined) inputs.wrote(batch, wrote)
    return result
  }

  return {
    load: (ref) => database.run((db) => load(db, ref, Date.now())),
    persist: async (batch) => noted(batch, await database.run((db) => persist(db, batch, Date.now(), cache))),
    begin: async (batch) => {
      const stored = await database.run((db) => begin(db, batch, Date.now(), cache))
      return stored === null ? null : noted(batch, stored)
    },
    stage: async (key, parts) => {
      if (parts.length === 0) return
      // Of a deleted thread or an ended run nobody will ever take anything, or clear it away.
      const write = async (): Promise<boolean> => {
        const { numAffectedRows } = await database.run((db) =>
          sql`
          insert into weft.staged (tenant, thread_id, run_id, step, attempt, part, value)
          select ${key.tenant}, ${key.thread_id}, ${key.run_id}, ${key.step}::int, ${key.attempt}::int, p.part, coalesce(p.value, 'null')
          from json_to_recordset(${toJsonText(parts)}::json) as p (part text, value json)
          where exists (select 1 from weft.threads where tenant = ${key.tenant} and id = ${key.thread_id} and deleted_at is null)
            and not exists (select 1 from weft.runs where tenant = ${key.tenant} and thread_id = ${key.thread_id} and run_id = ${key.run_id} and status = 'done')
          on conflict (tenant, thread_id, run_id, step, attempt, part) do update set value = excluded.value`.execute(db),
        )
        return (numAffectedRows ?? 0n) > 0n
      }
      await cache.around(key, parts, write)
    },
    staged: async (key, part) => {
      const row = await database.run((db) =>
        db
          .selectFrom('weft.staged')
          .select('value')
          .where('tenant', '=', key.tenant)
          .where('thread_id', '=', key.thread_id)
          .where('run_id', '=', key.run_id)
          .where('step', '=', key.step)
          .where('attempt', '=', key.attempt)
          .where('part', '=', part)
          .executeTakeFirst(),
      )
      return row?.value
    },
    findCommand: async (ref, command_id) => {
      const row = await database.run((db) =>
        db
          .selectFrom('weft.commands')
          .select(['command_id', 'body_hash', 'at', 'reply'])
          .where('tenant', '=', ref.tenant)
          .where('thread_id', '=', ref.thread_id)
          .where('command_id', '=', command_id)
          .executeTakeFirst(),
      )
      return row ?? null
    },
    lookUp: async ({ tenant, thread_id }, command_id) => {
      const { rows } = await database.run((db) =>
        sql<{ deleted: boolean; empty: boolean; command: LedgerEntry | null }>`
          select t.deleted_at is not null as deleted, t.epoch = 0 and t.last_seq = 0 as empty, (
            select row_to_json(k) from (
              select c.command_id, c.body_hash, c.at, c.reply from weft.commands c
              where c.tenant = t.tenant and c.thread_id = t.id and c.command_id = ${command_id}
            ) k
          ) as command
          from weft.threads t where t.tenant = ${tenant} and t.id = ${thread_id}`.execute(db),
      )
      const [row] = rows
      if (row === undefined) return { thread: null, command: null }
      return { thread: row.deleted ? 'deleted' : row.empty ? 'empty' : 'there', command: row.command }
    },
    sharedState: async (ref) => {
      const { rows } = await database.run((db) =>
        sql<{ shared: JsonObject | null }>`
          select snapshot -> 'shared' as shared from weft.snapshots
          where tenant = ${ref.tenant} and thread_id = ${ref.thread_id}`.execute(db),
      )
      return rows[0]?.shared ?? {}
    },
  }
}

/** More than an execution comes to; without their answers they take half of what a local activity may bring. */
const ALL_COMMANDS = 5_000

/** By one call of `weft.load_thread` (see the migrations); what follows in the same transaction has the row's lock. */
async function load(db: Db, ref: LoadInput, now: number): ReturnType<EngineRows['load']> {
  const all = ref.all_commands === true
  const since = all ? 0 : now - LEDGER_AGE_MS
  const { rows } = await sql<Loaded>`
    select epoch, last_seq, snapshot, ledger from weft.load_thread(
      ${ref.tenant}, ${ref.thread_id}, ${ref.epoch ?? 0}, ${now}, ${since}, ${all ? ALL_COMMANDS : LEDGER_SIZE})`.execute(db)
  const [thread] = rows
  if (thread === undefined || thread.epoch === null) return { status: 'deleted' }
  const { epoch, last_seq, snapshot } = thread
  const ledger = thread.ledger ?? []
  const brought = all ? lightened(ledger, now) : newest(ledger)
  return { status: 'loaded', epoch, last_seq, snapshot, ledger: brought.reverse() }
}

/** Without an epoch there is nothing but a tombstone. `ledger`: the newest first, null when there is none. */
type Loaded = { epoch: number | null; last_seq: number; snapshot: Snapshot | null; ledger: LedgerEntry[] | null }

/**
 * All entries, as if they were of now, so that none is forgotten before the engine has brought everything again. What
 * is too much to bring along loses its answer: nobody waits for it any more.
 */
function lightened(ledger: LedgerEntry[], now: number): LedgerEntry[] {
  const whole = newest(ledger).length
  return ledger.map((entry, index) => ({
    ...entry,
    at: Math.max(entry.at, now - LEDGER_AGE_MS / 2),
    reply: index < whole ? entry.reply : { ok: true, outcome: {}, event_seq: 0 },
  }))
}

/** The first entries that fit into what a thread may bring along. */
function newest(ledger: LedgerEntry[]): LedgerEntry[] {
  let bytes = 0
  const cut = ledger.findIndex((entry) => (bytes += jsonSize(entry)) > MAX_LEDGER_BYTES)
  return cut === -1 ? ledger : ledger.slice(0, cut)
}
