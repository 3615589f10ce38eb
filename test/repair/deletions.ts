import { sql } from 'kysely'
import { expect } from 'vitest'
import { repairThread } from '../../activities/repair-thread.ts'
import type { Database } from '../../src/store/database.ts'
import type { Store } from '../../src/store/store.ts'
import type { ThreadRef } from '../../src/thread/ports.ts'
import type { Lost } from '../../src/thread/repair/facts.ts'
import { fromStore } from '../../src/thread/state-init.ts'
import { SETTINGS } from '../thread/given.ts'
import { choices, live, picture } from './life.ts'

const TABLES = ['events', 'messages', 'runs', 'dispatches', 'tickets', 'pending', 'snapshots'] as const

/** Many lives, each told by its seed. */
export async function checkLives(database: Database, store: Store, first: number, lives: number): Promise<void> {
  let deleted = 0
  let back = 0
  for (let seed = first; seed < first + lives; seed++) {
    const life = await checkDeletions(database, store, seed).catch((error: unknown) => {
      const text = error instanceof Error ? error.message : String(error)
      throw new Error(`life ${String(seed)} (WEFT_SEED=${String(seed)} WEFT_LIVES=1): ${text}`, { cause: error })
    })
    deleted += life.deleted
    back += life.back
  }
  console.log(
    `lives ${String(first)} to ${String(first + lives - 1)}: ${String(deleted)} events deleted, ${String(back)} came back`,
  )
  expect(back).toBeGreaterThan(deleted * 0.6)
}

/** A random life, random deletions by plain SQL, a repair: what is there is as it was, what is not is reported. */
async function checkDeletions(database: Database, store: Store, seed: number): Promise<{ deleted: number; back: number }> {
  const ref: ThreadRef = { tenant: `acme-${String(seed)}`, thread_id: 'life' }
  const thread = await live(store, ref, seed, 30)
  // Some have had their oldest events dropped.
  const aged = seed % 4 === 0
  if (aged) await store.repair.retain(ref.tenant, { after: '', limit: 1, before: thread.now - choices(seed)(20_000) })
  const before = await picture(store, ref)
  expect(await repairThread({ store }, ref), 'nothing to mend in a whole thread').toEqual({})
  const gone = await remove(database, ref, choices(seed + 10_000))

  await repairThread({ store }, ref)
  const after = await picture(store, ref)
  const lost = await store.repair.listLost(ref.tenant, { thread_id: ref.thread_id, limit: 1_000 })

  const isLost = (what: Lost['what'], number: number, id = ''): boolean =>
    lost.some((one) => one.what === what && (id === '' ? one.from_seq <= number && number <= one.to_seq : one.ref === id))
  const now = new Map(after.events.map((event) => [event.event_seq, event]))
  // What is lost on one side only comes back whole, where there is a whole log to tell it.
  const rows = gone.messages.size + gone.runs.size + gone.pending.size
  if (!aged && (rows === 0 || gone.events === 0)) {
    expect(lost).toEqual([])
    expect(comparable(after)).toEqual(comparable(before))
  }
  for (const event of before.events) {
    const found = now.get(event.event_seq)
    if (found === undefined) {
      expect(isLost('events', event.event_seq), `${event.kind} ${String(event.event_seq)} is reported`).toBe(true)
    } else {
      if (found.payload['lost'] === undefined) expect(found).toEqual(event)
      expect(isLost('events', event.event_seq)).toBe(false)
    }
  }
  expect(after.events.length).toBeLessThanOrEqual(before.events.length)
  const committed = new Set(
    after.events.flatMap(({ kind, payload }) => (kind === 'MessageCommitted' ? [payload['message_seq']] : [])),
  )
  for (const message of before.messages) {
    const found = after.messages.find(({ message_seq }) => message_seq === message.message_seq)
    if (found !== undefined) expect(found).toEqual(message)
    else {
      expect(isLost('messages', message.message_seq)).toBe(true)
      expect(committed).not.toContain(message.message_seq)
    }
  }
  const whole = (run_id: string): boolean => {
    const own = before.events.filter((event) => event.run_id === run_id)
    return own.some(({ kind }) => kind === 'RunQueued') && own.every((event) => now.has(event.event_seq))
  }
  for (const run of before.runs) {
    const found = after.runs.find(({ run_id }) => run_id === run.run_id)
    const named = [...after.messages, ...after.dispatches].some(({ run_id }) => run_id === run.run_id)
    if (found === undefined && named) expect(isLost('run', 0, run.run_id), 'a run that something names is reported').toBe(true)
    else if (found === undefined) expect(whole(run.run_id)).toBe(false)
    else if (whole(run.run_id) || !gone.runs.has(run.run_id)) expect(found).toEqual(run)
    const dispatch = after.dispatches.find(({ run_id }) => run_id === run.run_id)
    const scheduled = before.dispatches.find(({ run_id }) => run_id === run.run_id)
    // Who worked on it and how it failed stands in events; where they were dropped it may be gone.
    const gist = (of: typeof dispatch) => (aged && of !== undefined ? { ...of, claimed_by: '', last_error: '' } : of)
    if (whole(run.run_id)) expect(gist(dispatch)).toEqual(gist(scheduled))
  }
  if (lost.every(({ what }) => what !== 'state')) {
    expect(after.tickets).toEqual(before.tickets)
    expect(comparable(after).thread).toEqual(comparable(before).thread)
  }
  for (const entry of before.pending) {
    const found = after.pending.find(({ pending_id }) => pending_id === entry.pending_id)
    if (found !== undefined) expect(found).toEqual(entry)
    else expect(isLost('pending', 0, entry.pending_id)).toBe(true)
  }

  expect(await repairThread({ store }, ref), 'a second pass mends nothing').toEqual({})
  // A thread that has lost something is looked at closely each time.
  const [surveyed] = await survey(store, ref)
  if (lost.length === 0) expect(surveyed, 'nor does it look suspect any more').toMatchObject({ suspect: false })
  const loaded = await store.engine.load(ref)
  if (loaded.status !== 'loaded') throw new Error('the thread is there')
  expect(fromStore(ref, { ...loaded, settings: SETTINGS }).needs_reconcile, 'the thread can go on').toBeNull()
  return { deleted: gone.events, back: after.events.length - (before.events.length - gone.events) }
}

type Picture = Awaited<ReturnType<typeof picture>>

/** The time of the repair apart. */
function comparable(shown: Picture): Picture {
  return { ...shown, thread: { ...(shown.thread as Exclude<Picture['thread'], string>), updated_at: 0 } as Picture['thread'] }
}

async function survey(store: Store, { tenant, thread_id }: ThreadRef) {
  const all = await store.repair.survey(tenant, { after: '', limit: 10_000 })
  return all.filter((one) => one.thread_id === thread_id)
}

type Gone = { events: number; messages: Set<string>; runs: Set<string>; pending: Set<string> }

/** Each life loses another share of each table's rows: none, some, or all of them. */
async function remove(database: Database, ref: ThreadRef, pick: (below: number) => number): Promise<Gone> {
  const gone: Gone = { events: 0, messages: new Set(), runs: new Set(), pending: new Set() }
  for (const table of TABLES) {
    const share = [0, 0, 10, 40, 100][pick(5)] ?? 0
    const rows = await database.run(async (db) => {
      const found = await sql<{ at: string; row: Record<string, string> }>`
        select ctid::text as at, to_json(t) as row from ${sql.table(`weft.${table}`)} t
        where tenant = ${ref.tenant} and thread_id = ${ref.thread_id}`.execute(db)
      const chosen = found.rows.filter(() => pick(100) < share)
      for (const { at } of chosen) await sql`delete from ${sql.table(`weft.${table}`)} where ctid = ${at}::tid`.execute(db)
      return chosen
    })
    for (const { row } of rows) {
      if (table === 'events') gone.events += 1
      if (table === 'messages') gone.messages.add(row['message_id'] ?? '')
      if (table === 'runs' || table === 'dispatches')
        gone.runs.add(row['run_id'] ?? (row['record'] as unknown as { run_id: string }).run_id ?? '')
      if (table === 'pending') gone.pending.add(row['pending_id'] ?? '')
    }
  }
  return gone
}
