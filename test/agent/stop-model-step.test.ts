import { ActivityCancellationDetails } from '@temporalio/common'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { StoreUnavailable } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import type { Answer, OpenAiServer } from '../support/openai-server.ts'
import { hint, modelWorld, streamed, words } from './model-world.ts'
import { openStore } from './world.ts'
import type { World } from './world.ts'

let store: Store
let server: OpenAiServer
beforeAll(async () => {
  store = await openStore()
}, 60_000)
afterEach(() => server.close())
afterAll(() => store.close())

async function world(answer: Answer = { kind: 'text', text: words, delay_ms: 30 }, through: Store = store): Promise<World> {
  const made = await modelWorld(through, answer)
  server = made.server
  return made.here
}
/** A store whose `stage` fails as often as told, then works. */
function flaky(failures: { left: number; calls: number }): Store {
  const stage: Store['engine']['stage'] = (key, parts) => {
    failures.calls += 1
    if (failures.left > 0) {
      failures.left -= 1
      return Promise.reject(new StoreUnavailable('away'))
    }
    return store.engine.stage(key, parts)
  }
  return { ...store, engine: { ...store.engine, stage } }
}

describe('a requested stop', () => {
  it.each([
    ['by cancellation', (here: World): void => here.environment.cancel()],
    ['by the hint on the bus', (here: World): void => hint(here)],
  ])('%s aborts the model at once and stages what was streamed', async (_name, stop) => {
    const here = await world()
    const running = here.step()
    await expect.poll(() => streamed(here).length).toBeGreaterThan(20)
    const start = performance.now()
    stop(here)
    expect(await running).toMatchObject({ kind: 'interrupted', has_text: true, model: 'openai/m' })
    expect(performance.now() - start).toBeLessThan(300)
    const text = await here.staged('text')
    expect(text).toBe(streamed(here))
    expect(await here.staged('message')).toBe(text)
    await expect.poll(() => server.aborted()).toBe(1)
  })
  it('does not wait for the first byte', async () => {
    const here = await world({ kind: 'text', text: 'late', first_byte_ms: 5000 })
    const running = here.step()
    await expect.poll(() => server.requests.length).toBe(1)
    const start = performance.now()
    here.environment.cancel()
    expect(await running).toMatchObject({ kind: 'interrupted', has_text: false })
    expect(performance.now() - start).toBeLessThan(300)
    expect(await here.staged('message')).toBeUndefined()
  })
  it('is not what other events or other runs mean', async () => {
    const here = await world({ kind: 'text', text: 'a b c', delay_ms: 50 })
    const running = here.step()
    await expect.poll(() => streamed(here)).toContain('a')
    hint(here, 'RunWaiting')
    hint(here, 'RunInterrupted', 'another run')
    here.publish({ type: 'events', thread_id: here.ids.thread_id, last_seq: 9 })
    expect(await running).toMatchObject({ kind: 'completed' })
  })
  it('drops calls and reasoning that were cut off', async () => {
    const here = await world({ kind: 'text', text: words, delay_ms: 30, reasoning: 'hm' })
    const running = here.step()
    await expect.poll(() => streamed(here)).toContain('word2')
    here.environment.cancel()
    expect(await running).toMatchObject({ kind: 'interrupted', has_text: true })
    expect(await here.staged('message')).toMatch(/^word0 /)
  })
})

it("a worker's shutdown is thrown, and leaves a prefix behind", async () => {
  const here = await world()
  const running = here.step()
  const caught = running.catch((error: unknown) => error)
  await expect.poll(() => here.staged('text'), { timeout: 5000 }).toMatch(/^word0 /)
  here.environment.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }))
  expect(await caught).toMatchObject({ name: 'CancelledFailure', message: 'WORKER_SHUTDOWN' })
  expect(streamed(here)).toContain((await here.staged('text')) as string)
})

it('heartbeats all the while', async () => {
  const here = await world({ kind: 'text', text: 'a b c d e f g', delay_ms: 100 })
  let beats = 0
  here.environment.on('heartbeat', () => {
    beats += 1
  })
  await here.step()
  expect(beats).toBeGreaterThan(2)
})

describe('when the store is away', () => {
  it('the answer is kept and staged later; the model is asked once', async () => {
    const failures = { left: 3, calls: 0 }
    const here = await world({ kind: 'text', text: 'precious' }, flaky(failures))
    expect(await here.step()).toMatchObject({ kind: 'completed' })
    expect(failures.calls).toBe(4)
    expect(server.requests).toHaveLength(1)
    expect(await here.staged('text')).toBe('precious')
  })
  it('a stop ends the waiting', async () => {
    const failures = { left: Infinity, calls: 0 }
    const here = await world({ kind: 'text', text: 'precious' }, flaky(failures))
    const running = here.step()
    await expect.poll(() => failures.calls).toBeGreaterThan(1)
    here.environment.cancel()
    expect(await running).toMatchObject({ kind: 'interrupted', has_text: false })
  })
  it('reading waits for it, too', async () => {
    let left = 2
    const modelInput: Store['conversation']['modelInput'] = (...args) =>
      left-- > 0 ? Promise.reject(new StoreUnavailable('away')) : store.conversation.modelInput(...args)
    const here = await world({ kind: 'text', text: 'x' }, { ...store, conversation: { ...store.conversation, modelInput } })
    expect(await here.step()).toMatchObject({ kind: 'completed' })
  })
})
