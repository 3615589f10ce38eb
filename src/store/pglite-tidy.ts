import type { PGlite as PGliteConnection } from 'kysely'

/** PGlite has no background processes: dead rows and WAL files would only pile up. */
const EVERY = 1_000
/** As autovacuum has it: a table is due when it has changed by so many rows and by this share of its rows. */
const ROWS = 500
const SHARE = 0.2

export type Tidier = {
  /** To be called after each operation; now and then it starts a tidying, which goes on by itself. */
  used(): void
  settled(): Promise<void>
}

/**
 * Removes dead rows, keeps the planner's statistics and recycles WAL, one statement at a time so that others get in
 * between. What fails is tried again at the next turn; a database that keeps failing shows in its own statements.
 */
export function tidier(database: PGliteConnection): Tidier {
  let count = 0
  let running: Promise<void> | null = null
  const seen = new Map<string, { dead: number; changed: number }>()
  const tidy = async (): Promise<void> => {
    const { rows } = await database.query<{ name: string; dead: number; changed: number; size: number }>(
      `select s.relname as name, s.n_tup_upd + s.n_tup_del as dead, s.n_tup_ins + s.n_tup_upd + s.n_tup_del as changed,
         greatest(c.reltuples, 0) as size from pg_stat_all_tables s join pg_class c on c.oid = s.relid where s.schemaname = 'weft'`,
    )
    for (const { name, size, ...now } of rows) {
      const last = seen.get(name) ?? { dead: 0, changed: 0 }
      const due = ROWS + SHARE * size
      if (database.closed || now.changed - last.changed < due) continue
      const dead = now.dead - last.dead >= due
      await database.query(dead ? `vacuum (analyze) weft.${name}` : `analyze weft.${name}`)
      seen.set(name, { dead: dead ? now.dead : last.dead, changed: now.changed })
    }
    if (!database.closed) await database.query('checkpoint')
  }
  return {
    used: () => {
      if (++count < EVERY || running !== null) return
      count = 0
      const done = (): void => void (running = null)
      running = tidy().then(done, done)
    },
    settled: () => running ?? Promise.resolve(),
  }
}
