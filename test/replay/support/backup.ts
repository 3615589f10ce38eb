import { sql } from 'kysely'
import type { Database } from '../../../src/store/database.ts'

type Table = { name: string; columns: string[]; key: string }

/** One thread's rows as they were, to be put back: what a restored backup does to all threads. */
export class Backup {
  readonly #database: Database
  readonly #thread: string
  readonly #tables: { table: Table; rows: string }[]
  readonly last_seq: number

  constructor(database: Database, thread: string, tables: { table: Table; rows: string }[], last_seq: number) {
    this.#database = database
    this.#thread = thread
    this.#tables = tables
    this.last_seq = last_seq
  }

  static async of(database: Database, thread: string): Promise<Backup> {
    return database.long(async (tx) => {
      const { rows: tables } = await sql<Table>`
        select table_name as name, array_agg(column_name::text order by ordinal_position) as columns,
          case when table_name = 'threads' then 'id' else 'thread_id' end as key
        from information_schema.columns where table_schema = 'weft' and is_generated = 'NEVER'
        group by table_name having table_name = 'threads' or bool_or(column_name = 'thread_id')`.execute(tx)
      const kept = []
      for (const table of tables) {
        const { rows } = await sql<{ rows: string }>`
          select coalesce(json_agg(t), '[]')::text as rows from ${sql.table(`weft.${table.name}`)} t
          where ${sql.ref(table.key)} = ${thread}`.execute(tx)
        kept.push({ table, rows: rows[0]?.rows ?? '[]' })
      }
      const { rows } = await sql<{ last_seq: number }>`select last_seq from weft.threads where id = ${thread}`.execute(tx)
      return new Backup(database, thread, kept, Number(rows[0]?.last_seq))
    })
  }

  async restore(): Promise<void> {
    await this.#database.long(async (tx) => {
      for (const { table } of this.#tables)
        await sql`delete from ${sql.table(`weft.${table.name}`)} where ${sql.ref(table.key)} = ${this.#thread}`.execute(tx)
      for (const { table, rows } of this.#tables) {
        const name = sql.table(`weft.${table.name}`)
        const columns = sql.join(table.columns.map((column) => sql.ref(column)))
        await sql`insert into ${name} (${columns}) select ${columns} from json_populate_recordset(null::${name}, ${rows}::json)`.execute(
          tx,
        )
      }
    })
  }
}
