import { afterAll, beforeAll, expect, it } from 'vitest'
import { StoreUnavailable, type Store } from '../../src/store/store.ts'
import type { ThreadEvent } from '../../src/thread/event.ts'
import { emptyThread, toSnapshot } from '../../src/thread/state-init.ts'
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

it('a thread that is expected begins with its first command, in one call, as one that is loaded first does', async () => {
  const said = { messages: [{ role: 'user', content: 'hi' }], agent_id: 'default', mode: 'foreground', sent_at: 1_000 }
  const input = { kind: 'command' as const, type: 'submit', raw: said, via: 'update' as const, delivery_id: 'd1' }
  const begin = { inputs: [input], moment: { execution: { run_id: 'r', started_at: 1_000 }, now: 1_000 } }
  const results = []
  for (const expected of [true, false]) {
    const calls: string[] = []
    const noted = <T extends object>(name: string, method: T): T =>
      new Proxy(method, {
        apply: (target, self, args) => (calls.push(name), Reflect.apply(target as never, self, args)) as unknown,
      })
    const { engine } = store
    const watched = {
      ...store,
      engine: {
        ...engine,
        load: noted('load', engine.load),
        persist: noted('persist', engine.persist),
        begin: noted('begin', engine.begin),
      },
    }
    const here = await createWorld(watched, [])
    const ref = { tenant: TENANT, thread_id: `begun-${here.ids.thread_id}` }
    if (expected) store.engine.expectNew(ref)
    calls.length = 0
    const { begun, ...loaded } = (await here.activities.loadThread({ ...ref, begin })) as { begun?: string }
    expect(calls).toEqual(expected ? ['begin'] : ['load', 'persist'])
    expect(begun).toBeTypeOf('string')
    expect(await store.threads.get(TENANT, ref.thread_id)).toMatchObject({ status: 'running', last_seq: 4 })
    results.push(loaded)
    // It is there now, so a guess that it is not is wrong, and costs nothing but a try.
    store.engine.expectNew(ref)
    calls.length = 0
    expect(await here.activities.loadThread({ ...ref, begin })).toMatchObject({ last_seq: 4, epoch: 2 })
    expect(calls.slice(0, 2)).toEqual(['begin', 'load'])
  }
  expect(results[0]).toEqual(results[1])
})

it('a thread of which nobody knows whether it has begun is not loaded in the same breath', async () => {
  const calls: string[] = []
  const { load } = store.engine
  const engine: Store['engine'] = {
    ...store.engine,
    load: (ref) => (calls.push('load'), load(ref)),
    begin: () => (calls.push('begin'), Promise.reject(new StoreUnavailable('away'))),
  }
  const here = await createWorld({ ...store, engine }, [])
  calls.length = 0
  const ref = { tenant: TENANT, thread_id: `unknown-${here.ids.thread_id}` }
  store.engine.expectNew(ref)
  const raw = { messages: [{ role: 'user', content: 'hi' }], agent_id: 'default', mode: 'foreground' }
  const input = { kind: 'command' as const, type: 'submit', raw, via: 'update' as const, delivery_id: 'd1' }
  const begin = { inputs: [input], moment: { execution: { run_id: 'r', started_at: 1_000 }, now: 1_000 } }
  await expect(here.activities.loadThread({ ...ref, begin })).rejects.toThrow('away')
  expect(calls).toEqual(['begin'])
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
