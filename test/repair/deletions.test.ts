import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase, type Database } from '../../src/store/database.ts'
import { storeOn } from '../../src/store/index.ts'
import type { Store } from '../../src/store/store.ts'
import { checkDeletions } from './deletions.ts'

let database: Database
let store: Store
beforeAll(async () => {
  database = await openDatabase({ timeout_ms: 10_000, pool_size: 4 })
  store = storeOn(database)
  await store.migrate()
}, 60_000)
afterAll(() => store.close())

test('whatever rows are deleted, a repair brings back what follows from the rest and reports what does not', async () => {
  let deleted = 0
  let back = 0
  for (let seed = 1; seed <= 80; seed++) {
    const life = await checkDeletions(database, store, seed).catch((error: unknown) => {
      throw new Error(`life ${String(seed)}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    })
    deleted += life.deleted
    back += life.back
  }
  expect(deleted).toBeGreaterThan(500)
  expect(back / deleted).toBeGreaterThan(0.4)
}, 120_000)
