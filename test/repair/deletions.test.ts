import { afterAll, beforeAll, test } from 'vitest'
import type { Database } from '../../src/store/database.ts'
import type { Store } from '../../src/store/store.ts'
import { checkLives } from './deletions.ts'
import { openMemoryStore } from '../support/memory-store.ts'

/** `WEFT_SEED` begins with another life, `WEFT_LIVES` says how many. */
const SEED = Number(process.env['WEFT_SEED'] ?? 1)
const LIVES = Number(process.env['WEFT_LIVES'] ?? 60)
let database: Database
let store: Store
beforeAll(async () => {
  ;({ database, store } = await openMemoryStore())
}, 60_000)
afterAll(() => store.close())

test('whatever rows are deleted, a repair brings back what follows from the rest and reports what does not', async () => {
  await checkLives(database, store, SEED, LIVES)
}, 300_000)
