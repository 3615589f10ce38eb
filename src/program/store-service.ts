import type { Config } from '../config.ts'
import { createStore, type Store } from '../store/index.ts'

/** Opens the store and brings its tables up to date. Throws `StoreBroken` or `StoreUnavailable`. */
export async function openStore({ databaseUrl, dataDir, cacheDir, storeTimeoutMs }: Config): Promise<Store> {
  const where = databaseUrl === null ? { data_dir: dataDir, cache_dir: cacheDir } : { database_url: databaseUrl }
  const store = await createStore({ ...where, timeout_ms: storeTimeoutMs })
  try {
    await store.migrate()
    return store
  } catch (error) {
    await store.close().catch(() => {})
    throw error
  }
}
