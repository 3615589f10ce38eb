import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/engine.ts'
import type { Client } from '@temporalio/client'
import type { Answered } from '../http/support/client.ts'
import { createWorld, type Running, type World } from './support/world.ts'

const MAX_PENDING = 1_000
const LONG = '/slow 300000\nlong'
const SIDE_BY_SIDE = 10
/** Commands after which a thread wants to hand over; while a step goes on it cannot. */
const HAND_OVER_AFTER = 400
let world: World
let program: Running
let temporal: Client
beforeAll(async () => {
  world = await createWorld()
  program = await world.start({ WEFT_CONTINUE_AS_NEW_EVERY: String(HAND_OVER_AFTER) })
  temporal = await world.client(program.temporal)
})
afterAll(async () => {
  await world.end()
})

const post = (thread_id: string, content: string): Promise<Answered> =>
  program.api.call('POST', `/v1/threads/${thread_id}/messages`, { messages: [{ role: 'user', content }] })

/** A thread that is busy and has this many messages in its queue. */
async function fill(thread_id: string, count: number): Promise<void> {
  await program.api.say(thread_id, LONG)
  let next = 0
  const client = async (): Promise<void> => {
    while (next < count) expect((await post(thread_id, `message ${String(next++)}`)).status).toBe(202)
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, client))
  expect(await program.api.get(`/v1/threads/${thread_id}/pending`)).toMatchObject({ total: count })
}

const interrupt = async (thread_id: string, queue: string): Promise<void> => {
  expect((await program.api.call('POST', `/v1/threads/${thread_id}/interrupt`, { queue })).status).toBe(202)
}
const userTexts = async (thread_id: string): Promise<unknown[]> =>
  (await program.api.messages(thread_id)).filter(({ role }) => role === 'user').map(({ content }) => content)
const all = (count: number): string[] => Array.from({ length: count }, (_, index) => `message ${String(index)}`)
const idle = (thread_id: string): Promise<true> =>
  eventually(async () => ((await program.api.get(`/v1/threads/${thread_id}`)).status === 'idle' ? true : undefined))

test('a long queue survives the hand-over to a new execution', async () => {
  const thread_id = 'parked'
  await fill(thread_id, MAX_PENDING - 1)
  const execution = async (): Promise<string> => (await temporal.workflow.getHandle(`default/${thread_id}`).describe()).runId
  const before = await execution()
  await interrupt(thread_id, 'park')
  await eventually(async () => ((await execution()) === before ? undefined : true))
  expect(await program.api.get(`/v1/threads/${thread_id}/pending`)).toMatchObject({ total: MAX_PENDING - 1 })

  const { status, body } = await program.api.run('the last', { thread_id })
  expect({ status, body }).toMatchObject({ status: 200, body: { status: 'done', termination: { type: 'natural_end' } } })
  await idle(thread_id)
  const texts = await userTexts(thread_id)
  expect(texts).toHaveLength(MAX_PENDING + 1)
  expect(new Set(texts)).toEqual(new Set([LONG, 'the last', ...all(MAX_PENDING - 1)]))
  await program.api.log(thread_id)
})

test('what comes while a hand-over is due is stored at once, and lost by no means, however much it is', async () => {
  const thread_id = 'heavy'
  await fill(thread_id, HAND_OVER_AFTER - 2)
  // With these the state is too large to be carried over.
  const heavy = ['a', 'b', 'c'].map((letter) => letter.repeat(150_000))
  for (const text of heavy) {
    expect((await post(thread_id, text)).status).toBe(202)
    const { items } = await program.api.get(`/v1/threads/${thread_id}/pending`)
    expect(items.at(-1).content.length, 'an accepted message can be read').toBe(text.length)
  }
  await interrupt(thread_id, 'keep')
  await idle(thread_id)
  expect(new Set(await userTexts(thread_id))).toEqual(new Set([LONG, ...all(HAND_OVER_AFTER - 2), ...heavy]))
  await program.api.log(thread_id)
})

test('a full queue refuses one more, and is read as a whole', async () => {
  const thread_id = 'full'
  await fill(thread_id, MAX_PENDING)
  const refused = await post(thread_id, 'one too many')
  expect(refused).toMatchObject({ status: 429, body: { code: 'queue_full' } })
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  await interrupt(thread_id, 'keep')
  await idle(thread_id)
  expect(new Set(await userTexts(thread_id))).toEqual(new Set([LONG, ...all(MAX_PENDING)]))
  await program.api.log(thread_id)
  expect((await program.api.run('Still there?', { thread_id })).body.final_output).toBe('You said: Still there?')
})
