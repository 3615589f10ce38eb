import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createStore } from '../../src/store/index.ts'
import type { Store } from '../../src/store/store.ts'
import type { LogEvent } from '../../src/thread/envelope.ts'
import { checkLog } from '../support/check-log.ts'
import { startEngine, startTemporal, type Engine } from '../support/engine.ts'
import { cache_dir } from '../support/cache.ts'

/** Temporal goes on living while the store becomes what it was at an earlier time: a real copy of its directory. */
const dir = mkdtempSync(join(tmpdir(), 'weft-restored-'))
const data_dir = join(dir, 'data')
const backup = join(dir, 'backup')
let temporal: Awaited<ReturnType<typeof startTemporal>>
let store: Store
let engine: Engine

async function open(): Promise<void> {
  store = await createStore({ data_dir, cache_dir, timeout_ms: 5_000 })
  await store.migrate()
  engine = await startEngine({ address: temporal.address, cli: temporal.cli, store })
}
async function close(): Promise<void> {
  await engine.close()
  await store.close()
}
beforeAll(async () => {
  temporal = await startTemporal()
  await open()
})
afterAll(async () => {
  await close()
  await temporal.remove()
  rmSync(dir, { recursive: true, force: true })
})

const APPROVAL = '/tool send_email {"to":"a@example.org","subject":"s"}'
const waits = ({ status }: { status: string }): boolean => status === 'waiting'
const kinds = (log: LogEvent[]): string[] => log.map(({ kind }) => kind)

async function approve(thread: string, run_id: string): Promise<void> {
  const { waiting } = await engine.run(run_id, waits)
  await engine.send(thread, { type: 'decision', action: 'resume', tool_call_id: waiting?.tickets[0]?.tool_call_id ?? '' })
}

test('a store that was set back: living threads take its word, and what they knew beyond it is reported', async () => {
  await engine.run(await engine.say('idle', 'one'))
  const asked = await engine.say('asked', APPROVAL)
  await engine.run(asked, waits)
  const still = await engine.say('still', APPROVAL)
  await engine.run(still, waits)
  const untouched = await engine.say('untouched', 'hello')
  await engine.run(untouched)
  const queued = await engine.say('asked', 'after that', {
    delivery: { boundary: 'new_run', granularity: 'batch', barrier: false, fallback_to_new_run: true },
  })

  await close()
  cpSync(data_dir, backup, { recursive: true })
  await open()
  const kept = { idle: await engine.log('idle'), asked: await engine.log('asked') }

  await engine.run(await engine.say('idle', 'two', { command_id: 'two' }))
  await approve('asked', asked)
  await engine.run(asked)
  await engine.run(queued)
  await engine.run(await engine.say('new', 'unknown to the backup'))
  await engine.run(await engine.say('begun', 'unknown to the backup'))
  const known = {
    idle: (await engine.log('idle')).length,
    asked: (await engine.log('asked')).length,
    new: (await engine.log('new')).length,
    begun: (await engine.log('begun')).length,
  }

  await close()
  rmSync(data_dir, { recursive: true })
  cpSync(backup, data_dir, { recursive: true })
  await open()
  // One thread finds it out by itself, by its next write; the others have nothing to write.
  const refused = await engine.gateway.send(engine.ref('idle'), {
    type: 'submit',
    mode: 'queue',
    messages: [{ role: 'user', content: 'three' }],
    command_id: 'three',
  })
  expect(refused.ok, 'accepted, before it could be stored').toBe(true)
  // To the store this one is new, so its command is stored as its first, and then comes to a thread that knows more.
  const begun = await engine.begin('begun', 'after', { command_id: 'after' })
  const first = (await engine.log('begun')).length

  const status = await engine.reconcile()
  expect(status).toMatchObject({ status: 'done', mended: { adopted: 4 } })
  const range = (thread_id: string, from_seq: number, to_seq: number) =>
    expect.objectContaining({ thread_id, what: 'events', from_seq, to_seq, reason: 'store_restored' })
  expect(status.lost).toEqual(
    expect.arrayContaining([
      range('idle', kept.idle.length + 1, known.idle),
      range('asked', kept.asked.length + 1, known.asked),
      range('new', 1, known.new),
      range('begun', first + 1, known.begun),
    ]),
  )
  expect(status.lost).toHaveLength(4)
  expect(await engine.run(begun)).toMatchObject({ termination: { type: 'natural_end' }, final_output: 'You said: after' })
  expect(await engine.say('begun', 'after', { command_id: 'after' })).toBe(begun)

  // The open run as the store has it ends, and the queue goes on.
  expect(await engine.run(asked)).toMatchObject({ termination: { type: 'error' }, error: { code: 'store_restored' } })
  expect(await engine.run(queued)).toMatchObject({ termination: { type: 'natural_end' }, final_output: 'You said: after that' })
  const log = await engine.log('asked')
  expect(log.slice(0, kept.asked.length)).toEqual(kept.asked)
  expect(kinds(log)).toContain('RunErrored')

  // What came in while nobody could store it is applied; what had been stored behind the backup is forgotten.
  await engine.run(await engine.say('idle', 'three', { command_id: 'three' }))
  const said = (await engine.messages('idle')).filter(({ role }) => role === 'user').map(({ content }) => content)
  expect(said).toEqual(['one', 'three'])
  await engine.run(await engine.say('idle', 'two', { command_id: 'two' }))
  await engine.run(await engine.say('new', 'again'))

  // Healthy threads have not been touched.
  expect(await engine.run(still, waits)).toMatchObject({ status: 'waiting' })
  await approve('still', still)
  expect(await engine.run(still)).toMatchObject({ termination: { type: 'natural_end' } })
  for (const thread of ['idle', 'asked', 'new', 'begun', 'still', 'untouched']) checkLog(await engine.log(thread))

  expect(await engine.reconcile()).toMatchObject({ mended: {}, lost: status.lost })
}, 120_000)

test('a healthy thread does nothing when it is told to reconcile', async () => {
  const run = await engine.say('healthy', APPROVAL)
  await engine.run(run, waits)
  const before = await engine.log('healthy')
  const handle = engine.client.workflow.getHandle('default/healthy')
  await handle.signal('reconcile', {})
  await handle.signal('reconcile', { last_seq: before.length })
  const answer = await handle.executeUpdate('reconcile', { args: [{ last_seq: before.length }] })
  expect(answer).toMatchObject({ adopted: false })
  await expect(handle.executeUpdate('reconcile', { args: [{ last_seq: 'x' }] })).rejects.toThrow()
  expect(await engine.log('healthy')).toEqual(before)
})

test('the engine’s data gone: threads with something to do are started again', async () => {
  const run = await engine.say('gone', APPROVAL)
  await engine.run(run, waits)
  const slow = await engine.say('slow', '/slow 800\none two three')
  await engine.run(slow, ({ status }) => status === 'running')
  for (const thread of ['gone', 'slow']) await engine.client.workflow.getHandle(`default/${thread}`).terminate('a test')
  const { mended } = await engine.reconcile()
  expect(mended).toEqual({ woken: 2 })
  expect(await engine.run(slow)).toMatchObject({ final_output: 'You said: one two three' })
  expect(kinds(await engine.log('slow'))).toContain('RunRescheduled')
  await approve('gone', run)
  expect(await engine.run(run)).toMatchObject({ termination: { type: 'natural_end' } })
  for (const thread of ['gone', 'slow']) checkLog(await engine.log(thread))
})
