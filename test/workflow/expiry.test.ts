import { afterAll, beforeAll, expect, test } from 'vitest'
import { startSweep } from '../../src/temporal/sweep.ts'
import { eventually, startEngine, startTemporal, type Engine } from '../support/engine.ts'

/** Threads whose time is up, as a repair deletes them: rows at once, executions by the sweep. */
const APPROVAL = '/tool send_email {"to":"a@example.org","subject":"s"}'
let temporal: Awaited<ReturnType<typeof startTemporal>>
let engine: Engine
beforeAll(async () => {
  temporal = await startTemporal()
  engine = await startEngine({
    address: temporal.address,
    cli: temporal.cli,
    timeout_ms: 30_000,
    settings: { idle_close_ms: 12_000 },
    thread_ttl_ms: 1_000,
  })
})
afterAll(async () => {
  await engine.close()
  await temporal.remove()
})

async function closed(thread: string): Promise<void> {
  await eventually(async () => {
    const { status } = await engine.client.workflow.getHandle(`default/${thread}`).describe()
    return status.name === 'RUNNING' ? undefined : true
  })
}
const there = async (thread: string): Promise<boolean> => (await engine.store.threads.get('default', thread)) !== 'deleted'

test('a thread that nobody has used for its time is deleted, and one that somebody waits for or uses is not', async () => {
  await engine.store.threads.create('default', { id: 'kept', expires_after_s: 0 })
  await engine.store.threads.create('default', { id: 'later', expires_after_s: 3_600 })
  for (let i = 0; i < 60; i++) await engine.store.threads.create('default', { id: `empty-${String(i)}` })
  for (const thread of ['old', 'kept', 'later']) await engine.run(await engine.say(thread, 'hello'))
  const waits = await engine.say('waits', APPROVAL)
  const { waiting } = await engine.run(waits, ({ status }) => status === 'waiting')
  await engine.say('busy', '/slow 60000 a b')
  const rested = async (thread: string): Promise<void> => {
    const row = await engine.store.threads.get('default', thread)
    if (row === null || row === 'deleted') throw new Error('gone')
    await eventually(() => (Date.now() - row.updated_at > 1_000 ? true : undefined))
  }
  await rested('old')
  // Its workflow lives on: with a store that was away it may know what nobody else knows yet.
  expect((await engine.reconcile()).dropped['expired_threads']).toBe(60)
  expect(await there('old')).toBe(true)
  for (const thread of ['old', 'kept', 'later']) await closed(thread)

  const { dropped } = await engine.reconcile()
  expect(dropped['expired_threads']).toBe(1)
  expect(await Promise.all(['old', 'empty-0', 'empty-59', 'kept', 'later', 'waits', 'busy'].map(there))).toEqual([
    ...[false, false, false],
    ...[true, true, true, true],
  ])
  expect((await engine.reconcile()).dropped['expired_threads']).toBeUndefined()

  const quiet = { info: () => undefined, warn: () => undefined }
  const stop = startSweep({ store: engine.store, client: engine.client, interval_ms: 500, log: quiet })
  try {
    const handle = engine.client.workflow.getHandle('default/old')
    await eventually(() => handle.describe().then(() => undefined, () => true as const), 90_000) // prettier-ignore
  } finally {
    await stop()
  }
  await expect(engine.say('old', 'anybody there?')).rejects.toThrow(/deleted/)
  const tool_call_id = waiting?.tickets[0]?.tool_call_id ?? ''
  await engine.send('waits', { type: 'decision', action: 'cancel', tool_call_id })
  expect(await engine.run(waits)).toMatchObject({ termination: { type: 'natural_end' } })
}, 150_000)
