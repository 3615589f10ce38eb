import { sql } from 'kysely'
import { agentVersionRows } from './agent-version-rows.ts'
import { conversationRows } from './conversation-rows.ts'
import { openDatabase, type Database } from './database.ts'
import { engineRows } from './engine-rows.ts'
import { keyRows } from './key-rows.ts'
import { leaseRows } from './lease-rows.ts'
import { migrate } from './migrate.ts'
import { repairRows } from './repair-rows.ts'
import { StepInputs } from './step-inputs.ts'
import type { Store } from './store.ts'
import { threadRows } from './thread-rows.ts'
import { webhookRows } from './webhook-rows.ts'

export { DataDirInUse, lockDataDir } from './data-dir-lock.ts'
export { StoreBroken } from './failures.ts'
export { InvalidCursor, StoreUnavailable } from './store.ts'
export type { Store } from './store.ts'

/**
 * `database_url` names a PostgreSQL server; without it PGlite runs in this process, in `<data_dir>/postgres`, or in
 * memory when that is absent too; what makes a new one quick, tables and all, is kept in `cache_dir`. `timeout_ms` (900:
 * the persist activity has a second) bounds every operation but migrations and deletions. `pool_size` counts connections
 * (10).
 */
export type StoreOptions = {
  database_url?: string
  data_dir?: string
  cache_dir?: string
  timeout_ms?: number
  pool_size?: number
}

/** Where the settings of a process say that its store is: on the server that they name, else embedded. */
export function whereStored({
  databaseUrl,
  dataDir,
  cacheDir,
}: {
  databaseUrl: string | null
  dataDir: string
  cacheDir: string
}): StoreOptions {
  return databaseUrl === null ? { data_dir: dataDir, cache_dir: cacheDir } : { database_url: databaseUrl }
}

/** Opens the store; the caller runs `migrate` before anything else. Throws `StoreBroken` or `DataDirInUse`. */
export async function createStore(options: StoreOptions): Promise<Store> {
  const { timeout_ms = 900, pool_size = 10, ...where } = options
  return storeOn(await openDatabase({ ...where, timeout_ms, pool_size }))
}

/** The contract over a database that is open; it is closed with the store. */
export function storeOn(database: Database): Store {
  const inputs = new StepInputs()
  return {
    threads: threadRows(database, inputs),
    conversation: conversationRows(database, inputs),
    engine: engineRows(database, inputs),
    agents: agentVersionRows(database),
    keys: keyRows(database),
    leases: leaseRows(database),
    webhooks: webhookRows(database),
    repair: repairRows(database),
    migrate: () => migrate(database),
    ping: async () => {
      await database.run((db) => sql`select 1`.execute(db))
    },
    close: () => database.close(),
  }
}
