import { afterAll, beforeAll, expect, test } from 'vitest'
import { copyThread, lengthen } from '../../bench/weft/fill.ts'
import type { Database } from '../../src/store/database.ts'
import type { Store } from '../../src/store/index.ts'
import { said } from '../store/forks.ts'
import { openMemoryStore } from '../support/memory-store.ts'

/** The copies that measurements of growth stand on are as the thread they are made from. */
let database: Database
let store: Store
beforeAll(async () => {
  ;({ database, store } = await openMemoryStore(60_000))
}, 60_000)
afterAll(() => store.close())

const MESSAGES = 4

/** In the tenant that the service uses where there is no authentication. */
async function original(): Promise<{ tenant: string; thread_id: string }> {
  return await said(store, MESSAGES, 'default')
}

test('copies of a thread have all its rows, under ids of their own', async () => {
  const ref = await original()
  await copyThread(database, ref.thread_id, 3)
  for (const n of [1, 2, 3]) {
    const thread_id = `${ref.thread_id}-${String(n)}`
    const page = await store.conversation.listMessages({ ...ref, thread_id }, { order: 'asc', visibility: 'all' }, { limit: 10 })
    expect(page.items.map(({ message_seq }) => message_seq)).toEqual([1, 2, 3, 4])
    const { events, last_seq } = await store.conversation.listEvents(ref.tenant, { thread_id, after_seq: 0, limit: 10 })
    expect({ count: events.length, last_seq }).toEqual({ count: MESSAGES, last_seq: MESSAGES })
    expect(await store.conversation.latestRun({ ...ref, thread_id })).toMatchObject({ thread_id, run_id: `run-1-${String(n)}` })
  }
})

test('a lengthened conversation goes on where it ends', async () => {
  const ref = await original()
  await lengthen(database, ref.thread_id, 2)
  const page = await store.conversation.listMessages(ref, { order: 'asc', visibility: 'all' }, { limit: 50 })
  expect(page.items.map(({ message_seq }) => message_seq)).toEqual(Array.from({ length: 3 * MESSAGES }, (_, n) => n + 1))
  expect(new Set(page.items.map(({ message_id }) => message_id)).size).toBe(3 * MESSAGES)
  const loaded = await store.engine.load(ref)
  expect(loaded).toMatchObject({ last_seq: 3 * MESSAGES, snapshot: { event_seq: 3 * MESSAGES, message_seq: 3 * MESSAGES } })
})

test('copies of a conversation of 10,000 messages have ids of their own, in their events too', async () => {
  const ref = await original()
  await lengthen(database, ref.thread_id, 10_000 / MESSAGES - 1)
  await copyThread(database, ref.thread_id, 1)
  const ids = async (thread_id: string): Promise<{ rows: Set<string>; events: Set<string> }> => {
    const rows = await database.run((db) =>
      db.selectFrom('weft.messages').select('message_id').where('thread_id', '=', thread_id).execute(),
    )
    const events = await database.run((db) =>
      db.selectFrom('weft.events').select('payload').where('thread_id', '=', thread_id).execute(),
    )
    return {
      rows: new Set(rows.map(({ message_id }) => message_id)),
      events: new Set(events.map(({ payload }) => (payload as { message_id: string }).message_id)),
    }
  }
  const [long, copy] = [await ids(ref.thread_id), await ids(`${ref.thread_id}-1`)]
  expect({ long: long.rows.size, copy: copy.rows.size }).toEqual({ long: 10_000, copy: 10_000 })
  expect(copy.events).toEqual(copy.rows)
  expect([...copy.rows].filter((id) => long.rows.has(id))).toEqual([])
}, 60_000)
