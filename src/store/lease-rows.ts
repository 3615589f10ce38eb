import { sql } from 'kysely'
import type { Database } from './database.ts'
import type { LeaseRows } from './store.ts'

export function leaseRows(database: Database): LeaseRows {
  return {
    take: async (name, holder, ttl_ms) => {
      const { rows } = await database.run((db) =>
        sql`
        insert into weft.leases as l (name, holder, expires_at)
        values (${name}, ${holder}, clock_timestamp() + make_interval(secs => ${ttl_ms / 1_000}::double precision))
        on conflict (name) do update set holder = excluded.holder, expires_at = excluded.expires_at
          where l.holder = excluded.holder or l.expires_at <= clock_timestamp()
        returning l.name`.execute(db),
      )
      return rows.length > 0
    },
    release: async (name, holder) => {
      await database.run((db) => sql`delete from weft.leases where name = ${name} and holder = ${holder}`.execute(db))
    },
  }
}
