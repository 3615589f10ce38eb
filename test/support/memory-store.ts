import { openDatabase, type Database } from '../../src/store/database.ts'
import { storeOn } from '../../src/store/index.ts'
import type { Store } from '../../src/store/store.ts'
import { cache_dir } from './cache.ts'

/** A store in memory with all its tables, and the database under it for what the contract does not say. Close the store. */
export async function openMemoryStore(timeout_ms = 10_000): Promise<{ database: Database; store: Store }> {
  const database = await openDatabase({ cache_dir, timeout_ms, pool_size: 1 })
  const store = storeOn(database)
  await store.migrate()
  return { database, store }
}
