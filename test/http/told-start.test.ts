import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually } from '../support/engine.ts'
import { createClient, type Client } from './support/client.ts'
import { startService, type Service } from './support/service.ts'
import { scenes } from './support/threads.ts'

/** Answers are held back here, so that only the log can tell that a run has begun. */
let service: Service
let client: Client
let held: Promise<void> = Promise.resolve()
const LATE = 'sent late'
let deliveries: (string | undefined)[] = []
beforeAll(async () => {
  service = await startService(({ gateway }) => ({
    gateway: {
      ...gateway,
      async send(ref, command, sending) {
        deliveries.push(sending?.delivery_id)
        if (JSON.stringify(command).includes(LATE)) await held
        const answer = await gateway.send(ref, command, sending)
        await held
        return answer
      },
    },
  }))
  client = createClient(service.url)
})
afterAll(() => service.close())

function hold(): () => void {
  let release = (): void => undefined
  held = new Promise((resolve) => (release = resolve))
  deliveries = []
  return release
}
const body = (thread_id: string, more: object = {}): object => ({
  ...{ agent_id: 'default', thread_id },
  messages: [{ role: 'user', content: 'hello', ...more }],
})

it('a stream begins with the log, before the answer is there, and tells all of the run', async () => {
  const release = hold()
  const thread = await scenes(client).thread()
  const stream = await client.stream('POST', '/v1/runs', body(thread))
  const frames = await stream.all()
  const [first, last] = [frames[0], frames.at(-1)]
  expect(first).toMatchObject({ event_type: 'run_start', thread_id: thread })
  expect(last).toMatchObject({ event_type: 'run_finish', run_id: first.run_id, termination: { type: 'natural_end' } })
  expect(stream.response.headers.get('content-location')).toBe(`/v1/runs/${first.run_id}`)
  expect(frames.filter(({ event_type }) => event_type === 'run_start')).toHaveLength(1)
  expect(frames.some(({ event_type }) => event_type === 'text_delta')).toBe(true)
  release()
})

it('a second run of the thread is told by its own delivery', async () => {
  const thread = await scenes(client).thread()
  const run = async (): Promise<any[]> => (await client.stream('POST', '/v1/runs', body(thread))).all()
  const before = await run()
  const release = hold()
  const frames = await run()
  expect(new Set(frames.flatMap(({ run_id }) => run_id ?? []))).toEqual(new Set([frames[0].run_id]))
  expect(frames[0].run_id).not.toBe(before[0].run_id)
  expect(frames.at(-1)).toMatchObject({ event_type: 'run_finish' })
  expect(deliveries).toEqual([expect.any(String)])
  release()
})

it.each([
  ['a key', {}, { 'idempotency-key': 'told-1' }],
  ['a message id', { id: 'm1' }, {}],
])('a stream that can be repeated, by %s, begins with the log too', async (_by, more, headers) => {
  const thread = await scenes(client).thread()
  const release = hold()
  const frames = await (await client.stream('POST', '/v1/runs', body(thread, more), headers)).all()
  expect(frames[0]).toMatchObject({ event_type: 'run_start', thread_id: thread })
  expect(frames.at(-1)).toMatchObject({ event_type: 'run_finish', run_id: frames[0].run_id })
  release()
  const again = await (await client.stream('POST', '/v1/runs', body(thread, more), headers)).all()
  expect(again[0]).toMatchObject({ event_type: 'run_start', run_id: frames[0].run_id })
})

it('another body under the same key is not given the run that begins meanwhile', async () => {
  const thread = await scenes(client).thread()
  const headers = { 'idempotency-key': 'told-2' }
  // It waits before it reaches the thread, and listens.
  const release = hold()
  const other = client.call('POST', '/v1/runs', body(thread, { content: LATE }), { ...headers, accept: 'text/event-stream' })
  await eventually(() => (deliveries.length === 1 ? true : undefined))
  const first = await client.stream('POST', '/v1/runs', body(thread), headers)
  expect((await first.all()).at(-1)).toMatchObject({ event_type: 'run_finish' })
  release()
  expect(await other).toMatchObject({ status: 422, body: { code: 'idempotency_conflict' } })
})
