import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { expect, it } from 'vitest'
import { createStore } from '../../src/store/index.ts'
import type { LogEvent } from '../../src/thread/envelope.ts'
import { toLogEvent } from '../../src/thread/envelope.ts'
import type { ThreadEvent } from '../../src/thread/event.ts'
import { asked, delivered, entry, event, run } from './batches.ts'

const FIRST = ['0001_threads.sql', '0002_write_batch.sql']
const resolved = (seq: number, tool_call_id: string): ThreadEvent =>
  event(seq, 'ToolPermissionResolved', { tool_call_id } as never)

/** What only shows on a database that an older version has filled. */
export function upgradeTests(server: () => { url: string }): void {
  it('an older database comes along with its open tickets, its receipts and its queues', async () => {
    const url = await olderDatabase(server().url)
    const store = await createStore({ database_url: url })
    try {
      expect((await store.migrate()).applied[0]).toMatch(/^0003_/)
      const page = await store.conversation.listTickets('acme', {}, { limit: 9 })
      expect(page.items.map((row) => [row.run_id, row.agent_id, row.ticket.ticket_id])).toEqual([
        ['run-1', 'default', 'ticket-open'],
        ['run-1', 'default', 'second'],
      ])
      expect(page.items[0]?.ticket).toMatchObject({ arguments: { of: 'open' }, created_at: 1_001 })
      expect(await store.conversation.receipt({ tenant: 'acme', thread_id: 'old' }, 'late')).toMatchObject({
        state: 'undelivered',
        at: 1_009,
      })
      expect(await store.threads.listOpen({ updated_before: 2, limit: 9 })).toEqual([
        { tenant: 'acme', id: 'waits', status: 'idle', updated_at: 1 },
      ])
      expect(await store.threads.get('acme', 'stands')).toMatchObject({ parked: true })
    } finally {
      await store.close()
    }
  }, 30_000)
}

/** A database as the first two migrations made it, with one run that waits and one that has ended. */
async function olderDatabase(url: string): Promise<string> {
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query('create database older')
  await admin.end()
  const older = new URL(url)
  older.pathname = '/older'
  const client = new pg.Client({ connectionString: older.href })
  await client.connect()
  await client.query('create schema weft')
  await client.query('create table weft.migrations (name text primary key, checksum text not null, applied_at bigint not null)')
  for (const name of FIRST) {
    const text = await readFile(new URL(`../../src/store/migrations/${name}`, import.meta.url), 'utf8')
    await client.query(text)
    const checksum = createHash('sha256').update(text).digest('hex')
    await client.query('insert into weft.migrations values ($1, $2, 0)', [name, checksum])
  }
  await client.query(`insert into weft.threads (tenant, id, created_at, updated_at) values ('acme', 'old', 1, 1)`)
  for (const [id, parked] of [
    ['waits', false],
    ['stands', true],
  ] as const) {
    const queue = JSON.stringify([entry('p')])
    await client.query(`insert into weft.threads (tenant, id, queue, created_at, updated_at) values ('acme', $1, $2, 1, 1)`, [
      id,
      queue,
    ])
    await client.query(`insert into weft.snapshots values ('acme', $1, 1, $2)`, [id, { parked }])
  }
  for (const [run_id, status] of [
    ['run-1', 'running'],
    ['run-2', 'done'],
  ] as const) {
    const { record } = run({ tenant: 'acme', thread_id: 'old' }, run_id, { status })
    const row = ['acme', 'old', run_id, record.dispatch_id, status, record.created_at, record]
    await client.query('insert into weft.runs values ($1, $2, $3, $4, $5, $6, $7)', row)
  }
  const events = [
    asked(1, 'open'),
    asked(2, 'decided'),
    resolved(3, 'decided'),
    asked(4, 'again'),
    resolved(5, 'again'),
    asked(6, 'again', { ticket_id: 'second' }),
    { ...asked(7, 'of an ended run'), run_id: 'run-2' },
    delivered(8, 'late', 'x'),
    event(9, 'PendingUndelivered', { pending_id: 'late', reason: 'its run ended' }),
  ]
  for (const one of events) await insert(client, toLogEvent('old', one))
  await client.end()
  return older.href
}

async function insert(client: pg.Client, one: LogEvent): Promise<void> {
  await client.query(
    `insert into weft.events (tenant, thread_id, seq, kind, run_id, occurred_at, hash, visibility, idempotency_key, payload)
     values ('acme', 'old', $1, $2, $3, $4, 'h', 'public', $5, $6)`,
    [one.event_seq, one.kind, one.run_id, one.occurred_at, one.idempotency_key, one.payload],
  )
}
