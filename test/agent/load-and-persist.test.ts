import { afterAll, beforeAll, expect, it } from 'vitest'
import { beginThread } from '../../activities/index.ts'
import { createInProcessBus } from '../../src/live/in-process.ts'
import type { Store } from '../../src/store/store.ts'
import type { CommandInput } from '../../src/thread/input.ts'
import type { ThreadEvent } from '../../src/thread/event.ts'
import { emptyThread, fromPredecessor, fromStore, NOTHING_UNSTORED, toSnapshot } from '../../src/thread/state-init.ts'
import { createScriptedModel } from '../../src/agent/scripted-model.ts'
import { createWorld, openStore, SETTINGS, TENANT } from './world.ts'

let store: Store
beforeAll(async () => {
  store = await openStore()
}, 60_000)
afterAll(() => store.close())

it('loading hands out the settings; storing tells the bus of the events, and of nothing where nothing is stored', async () => {
  const here = await createWorld(store, [])
  const { thread_id } = here.ids
  const loaded = await here.activities.loadThread({ tenant: TENANT, thread_id })
  if (loaded.status !== 'loaded') throw new Error(loaded.status)
  expect(loaded).toMatchObject({ last_seq: 0, settings: SETTINGS, ledger: [] })
  const event: ThreadEvent = { seq: 1, at: Date.now(), kind: 'QueueParked', run_id: null, payload: { pending_count: 0 } }
  const summary = { status: 'idle' as const, agent_id: null, active_run_id: null, message_count: 0, queue_revision: 0 }
  const snapshot = toSnapshot(emptyThread(TENANT, thread_id, SETTINGS))
  const { epoch } = loaded
  const batch = {
    tenant: TENANT,
    thread_id,
    epoch,
    events: [event],
    last_seq: 1,
    ended: [],
    touched: [],
    queue_changed: false,
    ledger: [],
    summary,
    snapshot,
  }
  expect(await here.activities.persist(batch)).toEqual({ status: 'stored', last_seq: 1 })
  await expect.poll(() => here.frames.length).toBe(1)
  expect(here.frames[0]).toMatchObject({ type: 'events', last_seq: 1, events: [{ event_seq: 1, kind: 'QueueParked' }] })
  expect(await here.activities.persist({ ...batch, epoch: epoch - 1 })).toEqual({ status: 'fenced' })
  expect(here.frames).toHaveLength(1)
})

const FIRST: CommandInput = {
  kind: 'command',
  type: 'submit',
  raw: { messages: [{ role: 'user', content: 'hi' }], agent_id: 'default', mode: 'foreground', sent_at: 1_000 },
  via: 'update',
  delivery_id: 'd1',
}

it('a thread that is loaded begins with what waits for it: both are stored, and the mark says so', async () => {
  const here = await createWorld(store, [])
  const ref = { tenant: TENANT, thread_id: `loaded-${here.ids.thread_id}` }
  const begin = { inputs: [FIRST], moment: { execution: { run_id: 'r', started_at: 1_000 }, now: 1_000 } }
  expect(await here.activities.loadThread({ ...ref, begin })).toMatchObject({ last_seq: 0, begun: expect.any(String) as string })
  expect(await store.threads.get(TENANT, ref.thread_id)).toMatchObject({ status: 'running', last_seq: 4 })
  expect(await here.activities.loadThread({ ...ref, begin })).toMatchObject({ last_seq: 4, epoch: 2 })
})

it('a thread begins in the store with its first command: it is told, and what its workflow is given is what loading gives', async () => {
  const here = await createWorld(store, [])
  const ref = { tenant: TENANT, thread_id: `begun-${here.ids.thread_id}` }
  const frames: unknown[] = []
  const bus = createInProcessBus()
  bus.subscribe(TENANT, ref.thread_id, (frame) => frames.push(frame))
  const begun = await beginThread({ store, bus, settings: SETTINGS }, ref, FIRST)
  expect(begun?.answer).toMatchObject({ ok: true, outcome: { status: 'running' }, event_seq: 4, replayed: false })
  await expect.poll(() => frames).toMatchObject([{ type: 'events', last_seq: 4, events: [{}, {}, {}, {}] }])
  const { epoch, ...loaded } = (await here.activities.loadThread(ref)) as { epoch: number }
  expect(epoch).toBe(2)
  const known = fromPredecessor(JSON.parse(JSON.stringify(begun?.state)) as NonNullable<typeof begun>['state'])
  const stored = fromStore(ref, { ...(loaded as Parameters<typeof fromStore>[1]), epoch: 1 })
  expect(known).toEqual({ ...stored, unstored: NOTHING_UNSTORED })
  // It is there now.
  expect(await beginThread({ store, bus, settings: SETTINGS }, ref, { ...FIRST, delivery_id: 'd2' })).toBeNull()
})

it('a first command that is refused writes nothing', async () => {
  const here = await createWorld(store, [])
  const ref = { tenant: TENANT, thread_id: `refused-${here.ids.thread_id}` }
  const steer: CommandInput = { ...FIRST, raw: { ...(FIRST.raw as object), mode: 'resume_open_run' } }
  for (const command of [steer, { ...FIRST, raw: { messages: 'none' } }])
    expect(await beginThread({ store, bus: createInProcessBus(), settings: SETTINGS }, ref, command)).toBeNull()
  expect(await store.threads.get(TENANT, ref.thread_id)).toBeNull()
})

it('a run whose model object is gone from the configuration ends with a reason', async () => {
  const messages = [{ role: 'user' as const, content: 'hi' }]
  const before = await createWorld(store, messages, { config: { agents: [{ id: 'default', model: createScriptedModel() }] } })
  const result = await before.step()
  expect(result).toMatchObject({ kind: 'completed', model: 'weft.scripted/scripted' })
  const agent_version = result.kind === 'completed' ? result.agent_version : ''
  const after = await createWorld(store, messages, { config: { agents: [{ id: 'default', model: 'openai/m' }] } })
  const error = 'the model "weft.scripted/scripted" is no longer part of the configuration'
  expect(await after.step({ agent_version })).toMatchObject({
    kind: 'failed',
    retryable: false,
    code: 'model_unavailable',
    error,
  })
})

it('/fail reaches the retry path through the attempt number', async () => {
  const here = await createWorld(store, [{ role: 'user', content: '/fail 2 429\n/think hm\nhello' }])
  expect(await here.step()).toMatchObject({ kind: 'failed', retryable: true, code: 'rate_limited' })
  expect(await here.step({ attempt: 2 })).toMatchObject({ kind: 'failed', retryable: true })
  expect(await here.step({ attempt: 3 })).toMatchObject({ kind: 'completed', model: 'scripted' })
  expect(await here.staged('text', { attempt: 3 })).toBe('You said: hello')
})
