import { newApiKey } from '../auth/api-key.ts'
import { loadConfig } from '../config.ts'
import type { ApiKeyRow } from '../store/api-keys.ts'
import { createStore, lockDataDir, whereStored, type Store } from '../store/index.ts'
import { CallFailed } from './api.ts'
import type { KeyDesk, KeyView } from './key-desk.ts'

/** Whoever can open the store needs no key to make one. */
const BY = 'cli'
const PAGE = 200
const TIMEOUT_MS = 10_000

/**
 * Works on the keys in the store of the environment. The embedded one only while no service has it. Throws
 * `DataDirInUse`, `StoreBroken`, `StoreUnavailable`.
 */
export async function withStoredKeys<T>(work: (desk: KeyDesk) => Promise<T>): Promise<T> {
  const config = loadConfig()
  const lock = config.databaseUrl === null ? await lockDataDir(config.dataDir) : null
  try {
    const store = await createStore({ ...whereStored(config), timeout_ms: TIMEOUT_MS, pool_size: 1 })
    try {
      await store.migrate()
      return await work(deskOf(store))
    } finally {
      await store.close()
    }
  } finally {
    await lock?.release()
  }
}

function deskOf({ keys }: Store): KeyDesk {
  return {
    async create({ role, name, tenant = 'default', expires_at: until }) {
      const { key_id, text, hash } = newApiKey()
      const expires_at = until === undefined ? null : Date.parse(until)
      const row = { key_id, tenant, role, name, created_at: Date.now(), created_by: BY, expires_at }
      await keys.create({ ...row, hash })
      return { ...view({ ...row, revoked_at: null, revoked_by: null, last_used_at: null }), key: text }
    },
    async list() {
      const rows: ApiKeyRow[] = []
      for (let cursor = '', more = true; more;) {
        const page = await keys.list(null, { limit: PAGE, cursor })
        rows.push(...page.items)
        cursor = page.next_cursor
        more = page.has_more
      }
      return rows.map(view)
    },
    async revoke(id) {
      const row = await keys.revoke(null, id, { at: Date.now(), by: BY })
      if (row === null) throw new CallFailed('There is no key with this id.')
      return view(row)
    },
  }
}

function view({ key_id, created_at, expires_at, revoked_at, last_used_at, ...row }: ApiKeyRow): KeyView {
  const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())
  return {
    id: key_id,
    ...row,
    created_at: new Date(created_at).toISOString(),
    expires_at: time(expires_at),
    revoked_at: time(revoked_at),
    last_used_at: time(last_used_at),
  }
}
