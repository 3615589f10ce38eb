import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient, type Client } from '../http/support/client.ts'
import { eventually, startTemporal } from '../support/engine.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { createPlace, type Started } from '../support/program.ts'
import { startReceiver, type Receiver } from '../support/receiver.ts'

/** Two workers and an API, so that a worker can be killed while the other lives. */
let place: ReturnType<typeof createPlace>
let postgres: TestPostgres
let temporal: Awaited<ReturnType<typeof startTemporal>>
let env: Record<string, string>
let api: Started
let workers: Started[] = []
let client: Client
const receivers: Receiver[] = []

beforeAll(async () => {
  place = createPlace()
  ;[postgres, temporal] = await Promise.all([startPostgres(), startTemporal()])
  env = {
    DATABASE_URL: postgres.url,
    TEMPORAL_ADDRESS: temporal.address,
    WEFT_WEBHOOK_NETWORKS: '127.0.0.1',
    WEFT_WEBHOOK_RETRY_MS: '200',
    WEFT_WEBHOOK_GIVE_UP_MS: '3000',
    LOG_LEVEL: 'warn',
  }
  api = place.start({ ...env, WEFT_ROLE: 'api' })
  client = createClient((await api.facts).api)
  workers = [place.start({ ...env, WEFT_ROLE: 'worker' })]
  await Promise.all(workers.map(({ facts }) => facts))
})
afterAll(async () => {
  place.clean()
  await Promise.all([postgres.stop(), temporal.remove(), ...receivers.map((each) => each.close())])
})

/** A receiver that is registered. */
async function hook(events?: string[], answer?: Receiver['answer']): Promise<Receiver & { id: string }> {
  const receiver = await startReceiver(answer)
  receivers.push(receiver)
  const { status, body } = await client.call('POST', '/v1/webhooks', { url: receiver.url, ...(events && { events }) })
  expect(status).toBe(201)
  receiver.secret = body.secret
  return Object.assign(receiver, { id: body.id as string })
}
const told = (receiver: Receiver, n: number, within?: number) =>
  eventually(async () => (receiver.told.length >= n ? receiver.told : undefined), within)
const deliveries = async (id: string): Promise<any[]> =>
  (await client.call('GET', `/v1/webhooks/deliveries?webhook_id=${id}`)).body.items
const remove = (id: string) => client.call('DELETE', `/v1/webhooks/${id}`)
const EMAIL = '/tool send_email {"to":"a@b.c","subject":"s","body":"b"}'

test('is told of waits, parked queues and ends, signed and each once', async () => {
  const receiver = await hook()
  const waiting = await client.run(EMAIL, { thread_id: 'told' })
  const { run_id, tickets } = { run_id: waiting.body.run_id, tickets: waiting.body.waiting.tickets }
  await told(receiver, 1)
  await client.call('POST', `/v1/threads/told/messages`, {
    messages: [{ role: 'user', content: 'later' }],
    delivery: { boundary: 'new_run' },
  })
  await client.call('POST', '/v1/threads/told/interrupt', { queue: 'park' })
  const parked = await told(receiver, 3)
  expect(parked.map(({ body }) => body.type).sort()).toEqual(['queue.parked', 'run.finished', 'run.waiting'])
  const failed = await client.run('/fail 1 400\nx', { thread_id: 'told-error' })
  const all = await told(receiver, 4)
  expect(all.every(({ valid }) => valid)).toBe(true)
  expect(all[0]?.body).toMatchObject({
    type: 'run.waiting',
    data: { thread_id: 'told', run_id, reason: 'tool_permission', tickets },
  })
  expect(all.at(-1)?.body).toMatchObject({
    id: all.at(-1)?.delivery,
    type: 'run.errored',
    data: { thread_id: 'told-error', run_id: failed.body.run_id, error: expect.any(String), termination: { type: 'error' } },
  })
  expect(new Set(all.map(({ delivery }) => delivery)).size).toBe(4)
  await expect.poll(async () => (await deliveries(receiver.id)).map(({ status }) => status)).toEqual(Array(4).fill('delivered'))
  expect((await client.call('GET', `/v1/webhooks/${receiver.id}`)).body).toMatchObject({ status: 'active', last_status: 200 })
  await remove(receiver.id)
})

test('is tried again under the same id when it fails, and hears of nothing it did not ask for', async () => {
  const receiver = await hook(['run.finished'], (_, n) => ({ status: n <= 2 ? 503 : 204 }))
  const { body: run } = await client.run('hi', { thread_id: 'again' })
  const tries = await told(receiver, 3)
  expect(new Set(tries.map(({ delivery }) => delivery)).size).toBe(1)
  expect(tries.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
  expect(tries[0]?.body).toEqual(tries[2]?.body)
  expect(tries[2]?.body.data).toMatchObject({ run_id: run.run_id, final_output: 'You said: hi' })
  const [first = 0, second = 0, third = 0] = tries.map(({ at }) => at)
  expect(second - first).toBeGreaterThanOrEqual(190)
  expect(third - second).toBeGreaterThanOrEqual(390)
  await expect
    .poll(async () => await deliveries(receiver.id))
    .toMatchObject([{ status: 'delivered', attempts: 3, last_status: 204 }])
  await remove(receiver.id)
})

test('is told once more, under the same id, when the worker dies before it could note the answer', async () => {
  let killed: Promise<unknown> | undefined
  // The answer never comes to the worker that asked: it is dead by then.
  const receiver = await hook(['run.finished'], (_, n) => {
    if (n > 1) return { status: 200 }
    workers[0]?.child.kill('SIGKILL')
    killed = workers[0]?.ended
    return { status: 200 }
  })
  await client.call('POST', '/v1/threads', { id: 'killed' })
  await client.call('POST', '/v1/threads/killed/messages', { messages: [{ role: 'user', content: 'hi' }] })
  await told(receiver, 1)
  await killed
  workers = [place.start({ ...env, WEFT_ROLE: 'worker' })]
  const tries = await told(receiver, 2, 40_000)
  expect(tries[0]?.delivery).toBe(tries[1]?.delivery)
  expect(tries[1]?.body).toEqual(tries[0]?.body)
  await expect.poll(async () => (await deliveries(receiver.id)).map(({ status }) => status)).toEqual(['delivered'])
  await remove(receiver.id)
})

test('is disabled with a reason once it has taken nothing for too long, and can be enabled', async () => {
  const receiver = await hook(['run.finished'], () => ({ status: 500 }))
  const path = `/v1/webhooks/${receiver.id}`
  await client.run('hi', { thread_id: 'dead' })
  await expect
    .poll(async () => (await client.call('GET', path)).body, { timeout: 20_000 })
    .toMatchObject({
      status: 'disabled',
      disabled_reason: expect.stringContaining('Nothing was taken for 3 s'),
      last_status: 500,
    })
  expect(await deliveries(receiver.id)).toMatchObject([{ status: 'failed', last_error: 'It answered 500.' }])
  await client.run('unheard', { thread_id: 'dead' })
  expect(await deliveries(receiver.id)).toHaveLength(1)
  receiver.answer = () => ({ status: 200 })
  expect((await client.call('POST', `${path}/enable`)).body).toMatchObject({ status: 'active', disabled_reason: null })
  const before = receiver.told.length
  const { body } = await client.run('heard', { thread_id: 'dead' })
  expect((await told(receiver, before + 1)).at(-1)?.body.data).toMatchObject({ run_id: body.run_id })
  await remove(receiver.id)
})

test('that never answers does not slow a run', async () => {
  const time = async (n: number): Promise<number> => {
    const began = performance.now()
    await client.run(`hi ${String(n)}`, { thread_id: 'hot' })
    return performance.now() - began
  }
  const one = async (n: number): Promise<number[]> => {
    const times: number[] = []
    for (let i = 0; i < n; i++) times.push(await time(i))
    return times
  }
  const median = (times: number[]): number => times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
  await one(5)
  const without: number[] = []
  const during: number[] = []
  for (let round = 0; round < 3; round++) {
    without.push(...(await one(12)))
    const hooks = await Promise.all(Array.from({ length: 3 }, () => hook(undefined, () => null)))
    during.push(...(await one(12)))
    for (const { id } of hooks) await remove(id)
  }
  const ratio = median(during) / median(without)
  console.log(`run p50 without webhooks ${median(without).toFixed(1)} ms, with 3 that hang ${median(during).toFixed(1)} ms`)
  expect(ratio).toBeLessThan(1.5)
})
