import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { StepsAhead } from '../../activities/index.ts'
import type { Store } from '../../src/store/store.ts'
import type { Answer, OpenAiServer } from '../support/openai-server.ts'
import { hint, modelWorld, streamed, words } from './model-world.ts'
import { openStore, type World } from './world.ts'

/** Model steps that are under way before the engine asks for them. */
let store: Store
let server: OpenAiServer
beforeAll(async () => {
  store = await openStore()
}, 60_000)
afterEach(() => server.close())
afterAll(() => store.close())

async function world(answer: Answer = { kind: 'text', text: 'hello' }, ahead = new StepsAhead()): Promise<World> {
  const made = await modelWorld(store, answer, { ahead })
  server = made.server
  return made.here
}
const slow: Answer = { kind: 'text', text: words, delay_ms: 30 }

it('the activity takes over what is under way, and the model is asked once', async () => {
  const here = await world()
  here.stepAhead()
  await expect.poll(() => here.staged('text')).toBe('hello')
  expect(await here.step()).toMatchObject({ kind: 'completed', has_text: true, worker: 'worker-1' })
  expect(streamed(here)).toBe('hello')
  expect(server.requests).toHaveLength(1)
  // What was taken is not there for another attempt, nor for the same once more.
  expect(await here.step({ attempt: 2 })).toMatchObject({ kind: 'completed' })
  expect(await here.step()).toMatchObject({ kind: 'completed' })
  expect(server.requests).toHaveLength(3)
})

it('in the middle of it, too, and from then on the activity can be cancelled', async () => {
  const here = await world(slow)
  here.stepAhead()
  await expect.poll(() => streamed(here)).toContain('word2')
  const running = here.step()
  await sleep(50)
  here.environment.cancel()
  expect(await running).toMatchObject({ kind: 'interrupted', has_text: true })
  expect(await here.staged('text')).toBe(streamed(here))
  expect(server.requests).toHaveLength(1)
  await expect.poll(() => server.aborted()).toBe(1)
})

it('a failure is the failure of the activity', async () => {
  const here = await world({ kind: 'status', status: 503 })
  here.stepAhead()
  await expect.poll(() => server.requests.length).toBe(1)
  await sleep(50)
  expect(await here.step()).toMatchObject({ kind: 'failed', retryable: true, worker: 'worker-1' })
  expect(server.requests).toHaveLength(1)
})

it('an interrupt that comes before the activity ends it', async () => {
  const here = await world(slow)
  here.stepAhead()
  await expect.poll(() => streamed(here)).toContain('word2')
  hint(here)
  await expect.poll(() => server.aborted()).toBe(1)
  expect(await here.step()).toMatchObject({ kind: 'interrupted', has_text: true })
  expect(server.requests).toHaveLength(1)
})

it('where no activity comes the call ends, and an activity that comes later calls by itself', async () => {
  const here = await world(slow, new StepsAhead(200))
  here.stepAhead()
  await expect.poll(() => server.aborted()).toBe(1)
  const running = here.step()
  await expect.poll(() => server.requests.length).toBe(2)
  here.environment.cancel()
  await running
})

it('an activity that is of something else by now calls by itself', async () => {
  const here = await world(slow)
  here.stepAhead({ message_id: 'of something else' })
  await expect.poll(() => server.requests.length).toBe(1)
  const running = here.step()
  await expect.poll(() => [server.requests.length, server.aborted()]).toEqual([2, 1])
  here.environment.cancel()
  await running
})

it('only so many are begun, each once', async () => {
  const here = await world(slow, new StepsAhead(400))
  for (let step = 1; step <= 20; step++) for (let times = 0; times < 2; times++) here.stepAhead({ step })
  await expect.poll(() => server.requests.length).toBe(8)
  await expect.poll(() => server.aborted()).toBe(8)
  expect(server.requests).toHaveLength(8)
  here.stepAhead({ step: 30 })
  await expect.poll(() => server.requests.length).toBe(9)
  await expect.poll(() => server.aborted()).toBe(9)
})
