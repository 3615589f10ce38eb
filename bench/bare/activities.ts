import type { PGlite } from '@electric-sql/pglite'

/** One row in one transaction: what anybody pays who keeps a result. A single statement is the cheapest way to it. */
export async function createActivities(database: PGlite) {
  await database.exec(
    'create table if not exists results (id bigserial primary key, run_id text not null, content text not null, created_at bigint not null)',
  )
  return {
    async echo(text: string): Promise<string> {
      await database.query('insert into results (run_id, content, created_at) values ($1, $2, $3)', [text, text, Date.now()])
      return text
    },
  }
}

export type Activities = Awaited<ReturnType<typeof createActivities>>
