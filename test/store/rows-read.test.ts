import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { analyze, copyThread, lengthen } from '../../bench/weft/fill.ts'
import type { Database } from '../../src/store/database.ts'
import type { Store } from '../../src/store/index.ts'
import type { ThreadRef } from '../../src/thread/ports.ts'
import { batch, committed, loadEpoch, run } from './batches.ts'
import { said } from './forks.ts'
import { openMemoryStore } from '../support/memory-store.ts'

/** What a thread's life and its readers ask of the store reads as many rows in a large one as in a small one. */
const MESSAGES = 4
const LONGER = 750
const THREADS = 500
const PAGE = 20

let database: Database
let store: Store
let short: ThreadRef
let long: ThreadRef
beforeAll(async () => {
  ;({ database, store } = await openMemoryStore(60_000))
  short = await said(store, MESSAGES, 'default')
  const other = await said(store, MESSAGES, 'default')
  long = await said(store, MESSAGES, 'default')
  await copyThread(database, other.thread_id, THREADS)
  await lengthen(database, long.thread_id, LONGER)
  await analyze(database)
}, 120_000)
afterAll(() => store.close())

/** Rows of all tables that have been read so far, by scan or by index. */
async function rowsRead(): Promise<number> {
  const { rows } = await database.run((db) => {
    return sql<{ read: number }>`
      select pg_stat_force_next_flush(), sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint as read
      from pg_stat_all_tables where schemaname = 'weft'`.execute(db)
  })
  return rows[0]?.read ?? 0
}

async function readBy(work: () => Promise<unknown>): Promise<number> {
  // The first look also flushes what was counted before it.
  await rowsRead()
  const before = await rowsRead()
  await work()
  await rowsRead()
  return (await rowsRead()) - before
}

/** The end of a thread's log and conversation. */
async function end(ref: ThreadRef): Promise<{ seq: number; epoch: number }> {
  const row = await store.threads.get(ref.tenant, ref.thread_id)
  if (row === null || row === 'deleted') throw new Error('there is no thread')
  return { seq: row.last_seq, epoch: await loadEpoch(store, ref) }
}

type Asked = (ref: ThreadRef, at: { seq: number; epoch: number }) => Promise<unknown>
const ASKED: Record<string, Asked> = {
  'loading a thread': (ref) => store.engine.load(ref),
  'writing a batch': (ref, { seq, epoch }) => {
    const summary = { status: 'idle' as const, agent_id: null, active_run_id: null, message_count: seq + 1, queue_revision: 0 }
    const runs = [run(ref, `run-${String(seq)}`)]
    return store.engine.persist(batch(ref, epoch, [committed(seq + 1, seq + 1)], { summary, runs }))
  },
  'a run': (ref) => store.conversation.getRun(ref.tenant, 'run-1', ref.thread_id),
  'the latest run': (ref) => store.conversation.latestRun(ref),
  'the last messages': (ref) => store.conversation.listMessages(ref, { order: 'desc', visibility: 'all' }, { limit: PAGE }),
  'the last messages that people see': (ref) =>
    store.conversation.listMessages(ref, { order: 'desc', visibility: 'external' }, { limit: PAGE }),
  'the messages of a run': (ref) =>
    store.conversation.listMessages(ref, { order: 'asc', visibility: 'all', run_id: 'run-1' }, { limit: PAGE }),
  'messages by their ids': (ref) => store.conversation.messagesByIds(ref, ['m-1', 'm-2']),
  'which ids are known': (ref) => store.conversation.knownMessageIds(ref, ['m-1', 'unknown']),
  'the last events': (ref, { seq }) =>
    store.conversation.listEvents(ref.tenant, { thread_id: ref.thread_id, after_seq: seq - 2, limit: PAGE }),
  "a run's events": (ref) =>
    store.conversation.listEvents(ref.tenant, { thread_id: ref.thread_id, run_id: 'run-1', after_seq: 0, limit: PAGE }),
  'the queue': (ref) => store.conversation.listPending(ref),
  'a receipt': (ref) => store.conversation.receipt(ref, 'm-1'),
  'the thread': (ref) => store.threads.get(ref.tenant, ref.thread_id),
  'the last numbers': (ref) => store.threads.lastSeqs([ref]),
  'threads that are open': () => store.threads.listOpen({ updated_before: Date.now(), limit: PAGE }),
  'threads to forget': () => store.threads.listUnforgotten(PAGE),
}

test.each(Object.entries(ASKED))('%s', async (name, ask) => {
  const rows: number[] = []
  for (const ref of [short, long]) {
    const at = await end(ref)
    rows.push(await readBy(() => ask(ref, at)))
  }
  const [of_short = 0, of_long = 0] = rows
  console.info(`${name}: ${String(of_short)} rows in a short conversation, ${String(of_long)} in a long one`)
  // A page more than the short one has messages for, and none of the hundreds of other threads.
  expect(of_short).toBeLessThanOrEqual(MESSAGES + 10)
  expect(of_long).toBeLessThanOrEqual(of_short + PAGE + 1)
})
