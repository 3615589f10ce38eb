// What a run leaves behind: rows and bytes in PostgreSQL, WAL, notifications, history. `node bench/footprint.ts [RUNS]`.
import { Client, Connection } from '@temporalio/client'
import pg from 'pg'
import { startTemporal } from '../test/support/engine.ts'
import { startPostgres } from '../test/support/postgres.ts'
import { createPlace } from '../test/support/program.ts'

const runs = Number(process.argv[2] ?? 200)
const LANES = 4
/** By name: what is said, and how many runs a thread has. */
const SHAPES: Record<string, { content: string; runs_a_thread: number }> = {
  'a thread of its own': { content: 'Hello, how are you today?', runs_a_thread: 1 },
  'twenty in a thread': { content: 'Hello, how are you today?', runs_a_thread: 20 },
  'with one tool call': { content: '/tool get_weather {"city":"Oslo"}', runs_a_thread: 20 },
  'a long answer (300 words in 3 s)': { content: `/slow 3000\n${'word '.repeat(300)}`, runs_a_thread: 20 },
}

const [postgres, temporal] = await Promise.all([startPostgres(), startTemporal()])
const place = createPlace()
const { api } = await place.start({ DATABASE_URL: postgres.url, TEMPORAL_ADDRESS: temporal.address, LOG_LEVEL: 'error' }).facts
const database = new pg.Client({ connectionString: postgres.url })
await database.connect()
const heard = { payloads: 0, bytes: 0 }
database.on('notification', ({ payload }) => {
  heard.payloads += 1
  heard.bytes += Buffer.byteLength(payload ?? '')
})
await database.query('LISTEN weft_live')
const connection = await Connection.connect({ address: temporal.address })
const client = new Client({ connection })

type Sizes = { wal: number; tables: Map<string, { rows: number; bytes: number }>; payloads: number; payload_bytes: number }

async function sizes(): Promise<Sizes> {
  await database.query('CHECKPOINT')
  const wal = await database.query(`SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS bytes`)
  const names = await database.query(`SELECT tablename AS name FROM pg_tables WHERE schemaname = 'weft' ORDER BY 1`)
  const tables: Sizes['tables'] = new Map()
  for (const { name } of names.rows as { name: string }[]) {
    const { rows } = await database.query(
      `SELECT count(*)::int AS rows, pg_total_relation_size('weft.${name}')::float8 AS bytes FROM weft.${name}`,
    )
    tables.set(name, rows[0] as { rows: number; bytes: number })
  }
  return { wal: wal.rows[0].bytes, tables, payloads: heard.payloads, payload_bytes: heard.bytes }
}

async function run(thread_id: string, content: string): Promise<void> {
  const response = await fetch(`${api}/v1/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ agent_id: 'default', thread_id, messages: [{ role: 'user', content }] }),
  })
  if (!response.ok) throw new Error(await response.text())
  await response.text()
}

const per = (amount: number): number => Math.round((amount / runs) * 100) / 100

try {
  await run('warm', 'Hello')
  for (const [index, [name, { content, runs_a_thread }]] of Object.entries(SHAPES).entries()) {
    const before = await sizes()
    const threads = Array.from({ length: Math.ceil(runs / runs_a_thread) }, (_, each) => `shape${String(index)}-${String(each)}`)
    const waiting = [...threads]
    const lane = async (): Promise<void> => {
      for (let thread = waiting.shift(); thread !== undefined; thread = waiting.shift())
        for (let count = 0; count < runs_a_thread; count++) await run(thread, content)
    }
    await Promise.all(Array.from({ length: LANES }, lane))
    const after = await sizes()
    let events = 0
    let history_bytes = 0
    let upserts = 0
    const looked = threads.slice(0, 20)
    for (const thread of looked) {
      const described = await client.workflow.getHandle(`default/${thread}`).describe()
      events += described.historyLength
      history_bytes += described.historySize ?? 0
      const { events: all } = await client.workflow.getHandle(`default/${thread}`).fetchHistory()
      upserts += (all ?? []).filter((event) => event.upsertWorkflowSearchAttributesEventAttributes != null).length
    }
    const there = looked.length * runs_a_thread
    const tables = Object.fromEntries(
      [...after.tables].flatMap(([table, { rows, bytes }]) => {
        const was = before.tables.get(table) ?? { rows: 0, bytes: 0 }
        return rows === was.rows && bytes === was.bytes
          ? []
          : [[table, { rows: per(rows - was.rows), bytes: per(bytes - was.bytes) }]]
      }),
    )
    const total = Object.values(tables).reduce((sum, { bytes }) => sum + bytes, 0)
    console.log(
      JSON.stringify({
        ...{ shape: name, runs, bytes: Math.round(total), tables, wal_bytes: per(after.wal - before.wal) },
        notify: { payloads: per(after.payloads - before.payloads), bytes: per(after.payload_bytes - before.payload_bytes) },
        history: { events: events / there, bytes: Math.round(history_bytes / there), upserts: upserts / there },
      }),
    )
  }
} finally {
  await database.end()
  await connection.close()
  place.clean()
  await Promise.all([postgres.stop(), temporal.remove()])
}
