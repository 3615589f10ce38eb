import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { repairThread } from '../../activities/repair-thread.ts'
import type { Database } from '../../src/store/database.ts'
import type { Store } from '../../src/store/store.ts'
import { live } from './life.ts'
import { openMemoryStore } from '../support/memory-store.ts'

let database: Database
let store: Store
beforeAll(async () => {
  ;({ database, store } = await openMemoryStore())
}, 60_000)
afterAll(() => store.close())

test.each([
  ['events that it would bring back', 'hole'],
  ['events that it has found to be lost', 'lost'],
])('a retention that drops %s while a repair is under way is not undone', async (_what, kind) => {
  const ref = { tenant: `late-${kind}`, thread_id: 'life' }
  const thread = await live(store, ref, 1, 40)
  const remove = (table: string) =>
    database.run((db) =>
      sql`delete from ${sql.table(`weft.${table}`)} where tenant = ${ref.tenant} ${table === 'events' ? sql`and seq between 2 and 4` : sql``}`.execute(
        db,
      ),
    )
  await remove('events')
  if (kind === 'lost') for (const table of ['traces', 'messages', 'runs', 'dispatches']) await remove(table)
  const drop = async () => {
    await store.repair.retain(ref.tenant, { after: '', limit: 9, before: thread.now + 60_000 })
  }
  // The rows have been read, and nothing of what follows from them is written yet.
  const facts: Store['repair']['facts'] = async (of) => {
    const read = await store.repair.facts(of)
    await drop()
    return read
  }
  await repairThread({ store: { ...store, repair: { ...store.repair, facts } } }, ref)

  const { kept_from } = await store.conversation.listEvents(ref.tenant, { thread_id: ref.thread_id, after_seq: 0, limit: 1 })
  expect(kept_from).toBeGreaterThan(4)
  const { rows } = await database.run((db) =>
    sql<{ seq: number }>`select seq from weft.events where tenant = ${ref.tenant} and seq < ${kept_from}::bigint`.execute(db),
  )
  expect(rows).toEqual([])
  const lost = await store.repair.listLost(ref.tenant, { limit: 99 })
  expect(lost.filter(({ what, from_seq }) => what === 'events' && from_seq < kept_from)).toEqual([])
  expect((await repairThread({ store }, ref))['events'] ?? 0).toBe(0)
})
