import type { Config } from '../config.ts'
import { createStore, whereStored, type Store } from '../store/index.ts'

/** Opens the store and brings its tables up to date. Throws `StoreBroken` or `StoreUnavailable`. */
export async function openStore(config: Config): Promise<Store> {
  const store = await createStore({ ...whereStored(config), timeout_ms: config.storeTimeoutMs })
  try {
    await store.migrate()
    return store
  } catch (error) {
    await store.close().catch(() => {})
    throw error
  }
}
