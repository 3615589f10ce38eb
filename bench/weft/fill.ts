import { sql } from 'kysely'
import { openDatabase, type Database } from '../../src/store/database.ts'

/**
 * Copies in the store, made by SQL before the service starts: a run that the service really took, with all its rows in
 * all tables, under other ids. So the tables and their indexes are as large as if it had been taken so often, in
 * seconds instead of hours. The ids inside of JSON are replaced too.
 */
export async function withStore<T>(data_dir: string, work: (database: Database) => Promise<T>): Promise<T> {
  const database = await openDatabase({ data_dir, timeout_ms: 600_000, pool_size: 1 })
  try {
    return await work(database)
  } finally {
    await database.close()
  }
}

type Column = { table: string; name: string; type: string }
const PIECE = 1_000

/** So many more threads that are as this one is, named `<thread_id>-1` and on. */
export async function copyThread(database: Database, thread_id: string, count: number): Promise<void> {
  const tables = Map.groupBy(await columnsOf(database), ({ table }) => table)
  const ids = within(await idsOf(database, thread_id))
  for (let from = 1; from <= count; from += PIECE) {
    const to = Math.min(count, from + PIECE - 1)
    for (const [table, columns] of tables) {
      const values = columns.map(({ name, type }) => (isText(type) ? renamed(name, type, { ids, mark: '-' }) : quoted(name)))
      const owner = table === 'threads' ? 'id' : 'thread_id'
      await run(
        database,
        `insert into weft.${table} (${columns.map(({ name }) => quoted(name)).join(', ')})
         select ${values.join(', ')} from weft.${table}, generate_series(${String(from)}, ${String(to)}) as copy_number
         where tenant = 'default' and ${owner} = ${literal(thread_id)}`,
      )
    }
  }
}

/**
 * Makes the conversation of this thread, which has had one run, longer: its messages, its events, its run and dispatch
 * so many times more, numbered on, and the thread's own row and snapshot so that it goes on after them.
 */
export async function lengthen(database: Database, thread_id: string, times: number): Promise<void> {
  const tables = Map.groupBy(await columnsOf(database), ({ table }) => table)
  const ids = (await idsOf(database, thread_id)).filter((id) => id !== thread_id)
  const least = within(ids)
  const of = `tenant = 'default' and thread_id = ${literal(thread_id)}`
  const [most] = await rows<{ events: number; messages: number }>(
    database,
    `select (select max(seq) from weft.events where ${of}) as events, (select max(message_seq) from weft.messages where ${of}) as messages`,
  )
  const { events, messages } = most ?? { events: 0, messages: 0 }
  const shifts: Record<string, number> = { seq: events, event_seq: events, queued_seq: events, message_seq: messages }
  // What is copied is told from its copies by these, since a copy is put where its original stands.
  const originals: Record<string, string> = {
    events: `seq <= ${String(events)}`,
    messages: `message_seq <= ${String(messages)}`,
    runs: `run_id = any(${array(ids)})`,
    dispatches: `dispatch_id = any(${array(ids)})`,
  }
  for (const [table, original] of Object.entries(originals)) {
    const columns = tables.get(table) ?? []
    const values = columns.map(({ name, type }) => {
      const shift = shifts[name]
      if (shift !== undefined) return `${quoted(name)} + ${String(shift)}::bigint * copy_number`
      return isText(type) && name !== 'thread_id' ? renamed(name, type, { ids: least, mark: '.' }) : quoted(name)
    })
    for (let from = 1; from <= times; from += PIECE) {
      const to = Math.min(times, from + PIECE - 1)
      await run(
        database,
        `insert into weft.${table} (${columns.map(({ name }) => quoted(name)).join(', ')})
         select ${values.join(', ')} from weft.${table}, generate_series(${String(from)}, ${String(to)}) as copy_number
         where ${of} and ${original}`,
      )
    }
  }
  const [last_seq, count] = [events * (times + 1), messages * (times + 1)]
  await run(
    database,
    `update weft.threads set last_seq = ${String(last_seq)}, message_count = ${String(count)} where tenant = 'default' and id = ${literal(thread_id)}`,
  )
  await run(
    database,
    `update weft.snapshots set event_seq = ${String(last_seq)},
       snapshot = (snapshot::jsonb || jsonb_build_object('event_seq', ${String(last_seq)}, 'message_seq', ${String(count)}))::json where ${of}`,
  )
}

/** The planner's view of what has been filled in; without it nothing is known of the tables. */
export async function analyze(database: Database): Promise<void> {
  for (const table of new Set((await columnsOf(database)).map((column) => column.table)))
    await run(database, `analyze weft.${table}`)
}

async function columnsOf(database: Database): Promise<Column[]> {
  return await rows<Column>(
    database,
    `select c.table_name as "table", c.column_name as name, c.data_type as type from information_schema.columns c
     where c.table_schema = 'weft' and (c.table_name = 'threads' or c.table_name in (
       select table_name from information_schema.columns where table_schema = 'weft' and column_name = 'thread_id'))
     order by c.table_name, c.ordinal_position`,
  )
}

/** What must be another in each copy: the thread's id and those of its runs, dispatches and messages. */
async function idsOf(database: Database, thread_id: string): Promise<string[]> {
  const of = `tenant = 'default' and thread_id = ${literal(thread_id)}`
  const found = await rows<{ id: string }>(
    database,
    `select run_id as id from weft.runs where ${of} union select dispatch_id from weft.dispatches where ${of}
     union select message_id from weft.messages where ${of}`,
  )
  return [thread_id, ...found.map(({ id }) => id)]
}

/**
 * Those of the ids that have no other in them; with these all are renamed. In a conversation that was made longer they
 * are those of its one run: `<id>.7` becomes `<id>-1.7`.
 */
function within(ids: readonly string[]): string[] {
  const least: string[] = []
  for (const id of ids.toSorted((one, other) => one.length - other.length))
    if (!least.some((inner) => id.includes(inner))) least.push(id)
  return least
}

function renamed(name: string, type: string, { ids, mark }: { ids: readonly string[]; mark: string }): string {
  const text = ids.reduce(
    (value, id) => `replace(${value}, ${literal(id)}, ${literal(id + mark)} || copy_number)`,
    `${quoted(name)}::text`,
  )
  return `${text}::${type}`
}

const isText = (type: string): boolean => ['text', 'json', 'jsonb'].includes(type)
const quoted = (name: string): string => `"${name}"`
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
const array = (texts: readonly string[]): string => `array[${texts.map(literal).join(', ')}]::text[]`

async function rows<T>(database: Database, text: string): Promise<T[]> {
  return (await database.run((db) => sql.raw<T>(text).execute(db))).rows
}

async function run(database: Database, text: string): Promise<void> {
  await rows(database, text)
}
