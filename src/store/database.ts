import type { PGlite } from '@electric-sql/pglite'
import { Kysely, PGliteDialect, PostgresDialect } from 'kysely'
import { migrate, migrationsDigest } from './migrate.ts'
import type { Beginnings } from './pglite-template.ts'
import { openPGlite } from './pglite.ts'
import { postgresPool } from './postgres-pool.ts'
import type { Db, Tables, Tx } from './schema.ts'
import { StoreUnavailable } from './store.ts'

/** Migrations and deletions touch many rows and nobody waits for them on a deadline of a second. */
const LONG_MS = 60_000

export type DatabaseOptions = {
  database_url?: string
  data_dir?: string
  cache_dir?: string
  timeout_ms: number
  pool_size: number
}

/**
 * The one way to the tables, whichever program serves them. `run` and `transaction` end within the timeout with
 * `StoreUnavailable`; `long` is a transaction with a minute. In a transaction use nothing but `tx`: PGlite has one
 * connection, and anything else would wait for it for ever.
 */
export type Database = {
  run<T>(work: (db: Db) => Promise<T>): Promise<T>
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  long<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Opens PGlite (throws `StoreBroken` when its directory is) or prepares a pool; the pool connects when first used. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { database_url, timeout_ms } = options
  if (database_url !== undefined) {
    const pool = (size: number, limit: number): Db =>
      new Kysely<Tables>({ dialect: new PostgresDialect({ pool: postgresPool({ database_url, size, timeout_ms: limit }) }) })
    return handle({ quick: pool(options.pool_size, timeout_ms), long: pool(1, LONG_MS) }, timeout_ms)
  }
  const served = await openPGlite(options.data_dir, beginnings(options.cache_dir))
  const db = new Kysely<Tables>({ dialect: new PGliteDialect({ pglite: served.pglite }) })
  return handle({ quick: db, long: db }, timeout_ms, served)
}

/** A new embedded database has its tables: making them takes as long as opening it. */
export function beginnings(cache_dir: string | undefined): Beginnings | undefined {
  if (cache_dir === undefined) return undefined
  const fill = (pglite: PGlite) => {
    const db = new Kysely<Tables>({ dialect: new PGliteDialect({ pglite }) })
    return migrate({ long: (work) => db.transaction().execute(work) })
  }
  return { cache_dir, fill, digest: migrationsDigest }
}

function handle(dbs: { quick: Db; long: Db }, timeout_ms: number, served?: { used(): void; close(): Promise<void> }): Database {
  let closed = false
  const within = async <T>(limit: number, work: () => Promise<T>): Promise<T> => {
    if (closed) throw new StoreUnavailable('The store is closed.')
    const result = await withDeadline(limit, work())
    served?.used()
    return result
  }
  return {
    run: (work) => within(timeout_ms, () => work(dbs.quick)),
    transaction: (work) => within(timeout_ms, () => dbs.quick.transaction().execute(work)),
    long: (work) => within(LONG_MS, () => dbs.long.transaction().execute(work)),
    close: async () => {
      if (closed) return
      closed = true
      // A pool waits for its checkouts, which end by themselves.
      await Promise.all([dbs.quick.destroy(), dbs.long === dbs.quick ? null : dbs.long.destroy()])
      await served?.close()
    },
  }
}

/** The pool keeps its own deadline; this one holds for PGlite too, whose single connection may be busy or gone. */
function withDeadline<T>(timeout_ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new StoreUnavailable(`The database did not answer within ${timeout_ms} ms.`))
    const timer = setTimeout(late, timeout_ms)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
