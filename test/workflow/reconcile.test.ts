import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase, type Database } from '../../src/store/database.ts'
import { storeOn } from '../../src/store/index.ts'
import type { Store } from '../../src/store/store.ts'
import { scheduleRepairs } from '../../src/temporal/reconciler.ts'
import { checkLog } from '../support/check-log.ts'
import { eventually, startEngine, startTemporal, type Engine } from '../support/engine.ts'

/** Repairs as Temporal runs them, over rows that plain SQL deletes. */
const TABLES = ['events', 'messages', 'runs', 'dispatches', 'tickets', 'pending', 'snapshots'] as const
const APPROVAL = '/tool send_email {"to":"a@example.org","subject":"s"}'
let temporal: Awaited<ReturnType<typeof startTemporal>>
let database: Database
let store: Store
let engine: Engine
beforeAll(async () => {
  temporal = await startTemporal()
  database = await openDatabase({ timeout_ms: 5_000, pool_size: 4 })
  store = storeOn(database)
  await store.migrate()
  engine = await startEngine({ address: temporal.address, cli: temporal.cli, store, retention_ms: 3_000, broken_logs: true })
})
afterAll(async () => {
  await engine.close()
  await store.close()
  await temporal.remove()
})

async function remove(thread: string, ...tables: readonly (typeof TABLES)[number][]): Promise<void> {
  for (const table of tables)
    await database.run((db) => sql`delete from ${sql.table(`weft.${table}`)} where thread_id = ${thread}`.execute(db))
}
const waits = ({ status }: { status: string }): boolean => status === 'waiting'

test('what is deleted beside a living thread comes back, and the thread goes on', async () => {
  const run = await engine.say('living', APPROVAL)
  const { waiting } = await engine.run(run, waits)
  await engine.say('living', 'later', {
    delivery: { boundary: 'new_run', granularity: 'batch', barrier: false, fallback_to_new_run: true },
  })
  const log = await engine.log('living')

  await remove('living', 'events', 'tickets', 'snapshots')
  const first = await engine.reconcile()
  expect(first).toMatchObject({ status: 'done', mended: { events: log.length, tickets: 1, snapshots: 1 }, lost: [] })
  expect(await engine.log('living')).toEqual(log)
  expect(await engine.reconcile()).toMatchObject({ mended: {}, lost: [] })

  await remove('living', 'runs', 'dispatches', 'tickets', 'messages', 'snapshots')
  expect(await engine.reconcile('living')).toMatchObject({ mended: { runs: 2, dispatches: 2, messages: 2 }, lost: [] })
  await engine.send('living', { type: 'decision', action: 'resume', tool_call_id: waiting?.tickets[0]?.tool_call_id ?? '' })
  expect(await engine.run(run)).toMatchObject({ termination: { type: 'natural_end' } })
  checkLog(await engine.log('living'))
})

test('what nothing tells any more is reported as lost, each time, and the thread goes on', async () => {
  await engine.run(await engine.say('gone', 'hello'))
  const count = (await engine.log('gone')).length
  await remove('gone', ...TABLES)
  const { lost } = await engine.reconcile('gone')
  expect(lost).toContainEqual(expect.objectContaining({ thread_id: 'gone', what: 'messages', from_seq: 1, to_seq: 2 }))
  expect(lost).toContainEqual(expect.objectContaining({ thread_id: 'gone', what: 'events', from_seq: 1, to_seq: count }))
  expect(await engine.reconcile('gone')).toMatchObject({ mended: {}, lost })
  expect(await engine.run(await engine.say('gone', 'again'))).toMatchObject({ final_output: 'You said: again' })
  expect((await engine.log('gone')).at(0)).toMatchObject({ event_seq: count + 1 })
})

test('a fork is whole with the messages that it has of another thread, and comes back like any', async () => {
  await engine.run(await engine.say('source', 'one'))
  await engine.run(await engine.say('source', 'two'))
  expect(await store.threads.fork('default', 'source', 3, { id: 'fork' })).toMatchObject({ status: 'created' })
  expect(await engine.reconcile('fork')).toMatchObject({ mended: {}, lost: [] })
  await engine.run(await engine.say('fork', 'three'))
  const log = await engine.log('fork')
  expect(log[0]).toMatchObject({ kind: 'ThreadForked' })

  await remove('fork', 'events', 'snapshots')
  expect(await engine.reconcile('fork')).toMatchObject({ mended: { events: log.length }, lost: [] })
  expect(await engine.log('fork')).toEqual(log)
  const messages = await engine.messages('fork')
  await remove('fork', 'messages')
  expect(await engine.reconcile('fork')).toMatchObject({ mended: { messages: 2 }, lost: [] })
  expect(await engine.messages('fork')).toEqual(messages)
  checkLog(log)

  // What it had by reference is its own from now on.
  expect(await store.threads.delete('default', 'source', 'detach')).toMatchObject({ status: 'deleted' })
  expect(await engine.messages('fork')).toEqual(messages)
  expect(await engine.reconcile('fork')).toMatchObject({ mended: {}, lost: [] })
  expect(await engine.reconcile()).toMatchObject({ mended: {} })
})

test('many threads are looked at, each once, in fewer activities than they have pages', async () => {
  const PAGE = 50
  const before = (await engine.reconcile()).threads_seen
  for (let n = 0; n < 6 * PAGE; n++) await store.threads.create('default', { id: `many-${String(n)}` })
  expect((await engine.reconcile()).threads_seen).toBe(before + 6 * PAGE)
  const { events } = await engine.client.workflow.getHandle('reconcile:default').fetchHistory()
  const activities = events?.map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name)
  expect(activities?.filter((name) => name === 'reconcileThreads').length).toBeLessThan(6)
})

test('the schedule starts repairs, which drop what is too old as well; 0 takes it away', async () => {
  await engine.run(await engine.say('scheduled', 'hello'))
  const log = await engine.log('scheduled')
  await remove('scheduled', 'runs', 'dispatches')
  await scheduleRepairs(engine.client, 1_000)
  await eventually(async () => {
    const { items } = await store.conversation.listRuns('default', { thread_id: 'scheduled' }, { limit: 10 })
    return items.length === 1 ? true : undefined
  }, 20_000)
  await eventually(async () => ((await engine.log('scheduled')).length === 0 ? true : undefined), 20_000)
  const { kept_from, last_seq } = await store.conversation.listEvents('default', {
    thread_id: 'scheduled',
    after_seq: 0,
    limit: 1,
  })
  expect({ kept_from, last_seq }).toEqual({ kept_from: log.length + 1, last_seq: log.length })
  expect(await engine.messages('scheduled')).toHaveLength(2)
  expect(await engine.run(await engine.say('scheduled', 'again'))).toMatchObject({ final_output: 'You said: again' })

  const schedule = engine.client.schedule.getHandle('weft-reconcile')
  expect((await schedule.describe()).spec.intervals).toMatchObject([{ every: 1_000 }])
  await scheduleRepairs(engine.client, 0)
  await scheduleRepairs(engine.client, 0)
  await expect(schedule.describe()).rejects.toThrow()
})
