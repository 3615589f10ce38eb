import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase, type Database } from '../../src/store/database.ts'
import { createStore, StoreBroken, storeOn, StoreUnavailable } from '../../src/store/index.ts'
import type { Store } from '../../src/store/store.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { batch, committed, delivered, entry, freshRef, loadEpoch } from './batches.ts'
import { storeContract } from './contract.ts'
import { upgradeTests } from './postgres-upgrade.ts'

let server: TestPostgres
let database: Database
let store: Store

beforeAll(async () => {
  server = await startPostgres()
  database = await openDatabase({ database_url: server.url, timeout_ms: 900, pool_size: 10 })
  store = storeOn(database)
}, 120_000)

afterAll(async () => {
  await store?.close()
  await server?.stop()
})

describe('PostgreSQL', () => {
  it('migrates once, however many processes start at once', async () => {
    const program = fileURLToPath(new URL('./migrate-process.ts', import.meta.url))
    const answers = await Promise.all([1, 2, 3].map(() => output(program, [server.url])))
    const applied = answers.map((answer) => (JSON.parse(answer) as { applied: string[] }).applied.length)
    expect(applied.filter((count) => count > 0)).toHaveLength(1)
    expect(await store.migrate()).toEqual({ applied: [] })
  }, 60_000)

  storeContract(
    () => store,
    () => database,
  )
  upgradeTests(() => server)

  it('finds a receipt by its index, however long the log', async () => {
    const ref = freshRef()
    const epoch = await loadEpoch(store, ref)
    await store.engine.persist(batch(ref, epoch, [delivered(1, 'p', 'x')], { queue: [entry('p')] }))
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    try {
      await client.query(
        `insert into weft.events select $1, $2, n, case n % 2 when 0 then 'PendingDelivered' else 'QueueParked' end,
           null, 1, 'h', 'public', null, null, 'another/' || n, '{}' from generate_series(2, 10000) as n`,
        [ref.tenant, ref.thread_id],
      )
      const counted = async (): Promise<{ read: number; scans: number }> => {
        const { rows } = await client.query<{ read: string; scans: string }>(
          `select t.seq_tup_read + t.idx_tup_fetch as read, i.idx_scan as scans
           from pg_stat_user_tables t join pg_stat_user_indexes i using (relid) where i.indexrelname = 'events_of_pending'`,
        )
        return { read: Number(rows[0]?.read), scans: Number(rows[0]?.scans) }
      }
      const before = await counted()
      for (let n = 0; n < 50; n++) expect(await store.conversation.receipt(ref, 'p')).toMatchObject({ state: 'pending' })
      // A connection tells the server what it has done at the end of a later command, at most once a second.
      const after = await eventually(async () => {
        await store.conversation.receipt(ref, 'p')
        const now = await counted()
        if (now.scans < before.scans + 50) throw new Error(`The index was used ${now.scans - before.scans} times.`)
        return now
      })
      expect(after.read - before.read).toBeLessThan(20_000)
    } finally {
      await client.end()
    }
  }, 30_000)

  it('says that a migration was changed after it had been applied', async () => {
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    await client.query(`update weft.migrations set checksum = 'x' || checksum where name like '0001%'`)
    await expect(store.migrate()).rejects.toThrow(StoreBroken)
    await client.query(`update weft.migrations set checksum = substr(checksum, 2) where name like '0001%'`)
    await client.query(`insert into weft.migrations values ('9999_future.sql', 'x', 0)`)
    await expect(store.migrate()).rejects.toThrow('newer version')
    await client.query(`delete from weft.migrations where name = '9999_future.sql'`)
    await client.end()
  })

  it('what may take a minute waits for no database that has stopped answering, on connections old or new', async () => {
    const fresh = await createStore({ database_url: server.url })
    await store.migrate()
    server.pause()
    try {
      for (const { error, ms } of await Promise.all([store, fresh].map((one) => took(one.migrate())))) {
        expect(error).toBeInstanceOf(StoreUnavailable)
        expect(ms).toBeLessThan(4_000)
      }
    } finally {
      server.resume()
    }
    expect(await eventually(() => store.migrate())).toEqual({ applied: [] })
    await fresh.close()
  }, 20_000)

  it('a database that stops answering is unavailable within the timeout, and comes back by itself', async () => {
    const ref = freshRef()
    const epoch = await loadEpoch(store, ref)
    await store.engine.persist(batch(ref, epoch, [committed(1, 1)]))
    server.pause()
    try {
      // Connections of the pool that are open already, and new ones beyond them.
      const began = Date.now()
      const failures = await Promise.all(
        Array.from({ length: 12 }, () => took(store.engine.persist(batch(ref, epoch, [committed(2, 2)])))),
      )
      expect(Date.now() - began).toBeLessThan(1_400)
      for (const failure of failures) expect(failure.error).toBeInstanceOf(StoreUnavailable)
      expect((await took(store.ping())).error).toBeInstanceOf(StoreUnavailable)
      expect(Math.max(...failures.map((failure) => failure.ms))).toBeLessThan(1_200)
    } finally {
      server.resume()
    }
    expect(await eventually(() => store.engine.persist(batch(ref, epoch, [committed(2, 2)])))).toMatchObject({
      status: 'stored',
      last_seq: 2,
    })
    expect(await store.conversation.messagesBetween(ref, { after: 0, through: 9, limit: 9_999 })).toHaveLength(2)
  }, 20_000)

  it('survives its connections being ended by an operator, idle or at work', async () => {
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    const busy = Promise.allSettled(Array.from({ length: 200 }, () => store.ping()))
    await client.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'weft'`)
    for (const result of await busy) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(StoreUnavailable)
    await client.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'weft'`)
    await eventually(() => store.ping())
    await client.end()
  }, 20_000)

  it('keeps the statements that come again prepared, and finds its way when a table changes under them', async () => {
    const small = await openDatabase({ database_url: server.url, timeout_ms: 900, pool_size: 1 })
    const ask = <T>(text: string): Promise<T[]> => small.run(async (db) => (await sql.raw<T>(text).execute(db)).rows)
    try {
      await ask('create table public.changing (id int)')
      await ask('insert into public.changing values (1)')
      for (let n = 0; n < 3; n++) expect(await ask('select * from public.changing')).toEqual([{ id: 1 }])
      const named = await ask<{ statement: string }>(`select statement from pg_prepared_statements where name like 'weft%'`)
      expect(named.map(({ statement }) => statement)).toEqual(['select * from public.changing'])
      await ask('alter table public.changing add column more int default 7')
      await expect(ask('select * from public.changing')).rejects.toThrow(StoreUnavailable)
      for (let n = 0; n < 3; n++) expect(await ask('select * from public.changing')).toEqual([{ id: 1, more: 7 }])
    } finally {
      await ask('drop table public.changing')
      await small.close()
    }
  })

  it('a server that is not there is unavailable', async () => {
    const none = await createStore({ database_url: 'postgres://nobody@127.0.0.1:1/none' })
    await expect(none.ping()).rejects.toThrow(StoreUnavailable)
    await expect(none.migrate()).rejects.toThrow(StoreUnavailable)
    await none.close()
  })
})

async function took(work: Promise<unknown>): Promise<{ ms: number; error: unknown }> {
  const began = Date.now()
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  )
  return { ms: Date.now() - began, error }
}

async function eventually<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === 30) throw error
      await sleep(100)
    }
  }
}

function output(program: string, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk) => (text += String(chunk)))
    child.once('exit', (code) => (code === 0 ? resolve(text) : reject(new Error(`${program} ended with ${code}.`))))
  })
}
