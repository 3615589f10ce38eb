import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { sql } from 'kysely'
import type { Database } from './database.ts'
import { StoreBroken } from './failures.ts'
import type { Tx } from './schema.ts'

const DIRECTORY = new URL('./migrations/', import.meta.url)
/** Any number will do, as long as every version of the program uses the same. */
const LOCK = 7_303_014_518

/**
 * Applies the numbered files that have not been applied, in order, all in one transaction under an advisory lock, so
 * that several processes may start at once. Throws `StoreBroken` when a file that has been applied reads differently
 * now, or when the database knows one that this program does not (it was written by a newer version).
 */
export async function migrate(database: Pick<Database, 'long'>): Promise<{ applied: string[] }> {
  const files = await migrations()
  return database.long(async (tx) => {
    await sql`select pg_advisory_xact_lock(${LOCK}::bigint)`.execute(tx)
    const done = await recorded(tx)
    for (const name of done.keys()) {
      if (!files.some((file) => file.name === name))
        throw new StoreBroken(`The database has the migration ${name}, which this version does not know: start a newer version.`)
    }
    const applied: string[] = []
    for (const { name, text, checksum } of files) {
      const before = done.get(name)
      if (before === checksum) continue
      if (before !== undefined)
        throw new StoreBroken(
          `The migration ${name} was changed after it had been applied: restore the file and add a new one instead.`,
        )
      for (const statement of statements(text)) await sql.raw(statement).execute(tx)
      await tx.insertInto('weft.migrations').values({ name, checksum, applied_at: Date.now() }).execute()
      applied.push(name)
    }
    return { applied }
  })
}

/** Names every file and what is in it. */
export async function migrationsDigest(): Promise<string> {
  const files = await migrations()
  return createHash('sha256')
    .update(files.map(({ name, checksum }) => `${name} ${checksum}`).join())
    .digest('hex')
}

async function recorded(tx: Tx): Promise<Map<string, string>> {
  const found = await sql<{ there: boolean }>`select to_regclass('weft.migrations') is not null as there`.execute(tx)
  if (found.rows[0]?.there !== true) {
    await sql`create schema if not exists weft`.execute(tx)
    await sql`create table weft.migrations (name text primary key, checksum text not null, applied_at bigint not null)`.execute(
      tx,
    )
  }
  const rows = await tx.selectFrom('weft.migrations').select(['name', 'checksum']).execute()
  return new Map(rows.map((row) => [row.name, row.checksum]))
}

async function migrations(): Promise<{ name: string; text: string; checksum: string }[]> {
  const names = (await readdir(DIRECTORY)).filter((name) => /^\d{4}_.*\.sql$/.test(name)).sort()
  return Promise.all(
    names.map(async (name) => {
      const text = (await readFile(new URL(name, DIRECTORY), 'utf8')).replaceAll('\r\n', '\n')
      return { name, text, checksum: createHash('sha256').update(text).digest('hex') }
    }),
  )
}

/** One statement at a time, as PGlite wants it: each ends with a semicolon at the end of a line, outside `$$ … $$`. */
function statements(text: string): string[] {
  const found: string[] = []
  let statement = ''
  let quoted = false
  for (const line of text.split('\n')) {
    statement += `${line}\n`
    if (line.split('$$').length % 2 === 0) quoted = !quoted
    if (quoted || !line.trimEnd().endsWith(';')) continue
    found.push(statement)
    statement = ''
  }
  return found
}
