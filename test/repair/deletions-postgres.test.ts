import { afterAll, beforeAll, test } from 'vitest'
import { openDatabase, type Database } from '../../src/store/database.ts'
import { storeOn } from '../../src/store/index.ts'
import type { Store } from '../../src/store/store.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { checkLives } from './deletions.ts'

const SEED = Number(process.env['WEFT_SEED'] ?? 1_001)
const LIVES = Number(process.env['WEFT_LIVES'] ?? 20)
let server: TestPostgres
let database: Database
let store: Store
beforeAll(async () => {
  server = await startPostgres()
  database = await openDatabase({ database_url: server.url, timeout_ms: 10_000, pool_size: 4 })
  store = storeOn(database)
  await store.migrate()
}, 120_000)
afterAll(async () => {
  await store?.close()
  await server?.stop()
}, 30_000)

test('on PostgreSQL too, what is deleted comes back or is reported', async () => {
  await checkLives(database, store, SEED, LIVES)
}, 300_000)
