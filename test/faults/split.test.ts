import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Stream } from '../http/support/client.ts'
import { createWorld, type Running, type World } from './support/world.ts'

const WORDS = Array.from({ length: 20 }, (_, index) => `word${String(index)}`).join(' ')
const slow = (ms: number): string => `/slow ${String(ms)}\n${WORDS}`
const APPROVAL = '/tool send_email {"to":"a@example.org","subject":"s"}'

let world: World
let api: Running
let workers: Running[] = []
beforeAll(async () => {
  world = await createWorld({ postgres: true, temporal: true })
  api = await world.startRole('api')
})
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()))
  workers = []
})
afterAll(async () => {
  await world.end()
})

async function startWorker(): Promise<Running> {
  const worker = await world.startRole('worker')
  workers.push(worker)
  return worker
}

/** The end of a worker without warning. */
async function lose(worker: Running): Promise<void> {
  workers = workers.filter((other) => other !== worker)
  await worker.kill()
}

const run = (thread_id: string, content: string): Promise<Stream> =>
  api.api.stream('POST', '/v1/runs', { agent_id: 'default', thread_id, messages: [{ role: 'user', content }] })
const runOf = ({ response }: Stream): string => (response.headers.get('content-location') ?? '').replace('/v1/runs/', '')
const isText = ({ event_type }: any): boolean => event_type === 'text_delta'
const isEnd = ({ event_type }: any): boolean => event_type === 'run_finish'
/** The text a reader has after these frames. */
function textOf(stream: Stream): string {
  let text = ''
  for (const { data } of stream.frames) {
    if (data.event_type === 'step_start' || data.event_type === 'stream_reset') text = ''
    else if (isText(data)) text += data.delta
  }
  return text
}

describe('with two workers', () => {
  test('an answer streams through the API while it is being made, and a late reader has it all', async () => {
    await Promise.all([startWorker(), startWorker()])
    const stream = await run('stream', slow(3_000))
    await stream.until(isText)
    const first = performance.now()
    await stream.until(() => textOf(stream).includes('word5'))
    const late = await api.api.stream('GET', `/v1/runs/${runOf(stream)}/stream`)
    await late.until(isText)
    expect(textOf(late), 'what was said before').toContain('word5')
    expect(
      stream.frames.some(({ data }) => isEnd(data)),
      'the run goes on',
    ).toBe(false)
    await Promise.all([stream.until(isEnd), late.until(isEnd)])
    expect(performance.now() - first).toBeGreaterThan(1_000)
    expect(stream.frames.filter(({ data }) => isText(data)).length).toBeGreaterThan(5)
    expect([textOf(stream), textOf(late)]).toEqual([`You said: ${WORDS}`, `You said: ${WORDS}`])
    await api.api.log('stream')
  })

  test('a decision and an interrupt reach the worker that it concerns', async () => {
    await Promise.all([startWorker(), startWorker()])
    const waiting = await run('decide', APPROVAL)
    const { tickets } = (await waiting.until(isEnd)).data
    const joined = await api.api.stream('GET', `/v1/runs/${runOf(waiting)}/stream`)
    await joined.until(({ event_type }) => event_type === 'run_waiting')
    const { tool_call_id } = tickets[0]
    expect(await api.api.call('POST', `/v1/runs/${runOf(waiting)}/decision`, { tool_call_id, action: 'resume' })).toMatchObject({
      status: 202,
    })
    expect((await joined.until(isEnd)).data.result.response).toContain('send_email returned')

    const took: number[] = []
    for (let round = 0; round < 3; round++) {
      const long = await run('interrupt', slow(60_000))
      await long.until(isText)
      const began = performance.now()
      expect(await api.api.call('POST', '/v1/threads/interrupt/interrupt', {})).toMatchObject({ status: 202 })
      expect((await long.until(isEnd)).data.termination).toMatchObject({ type: 'cancelled' })
      took.push(Math.round(performance.now() - began))
    }
    console.log(`interrupt to end, across processes: ${took.join(', ')} ms`)
    expect(Math.max(...took)).toBeLessThan(1_000)
    for (const thread_id of ['decide', 'interrupt']) await api.api.log(thread_id)
  })
})

test('kill -9 of the worker that runs a step: the other finishes it, and the reader sees one answer', async () => {
  const first = await startWorker()
  const stream = await run('lost-worker', slow(4_000))
  await stream.until(() => textOf(stream).includes('word3'))
  await startWorker()
  await lose(first)
  const { data } = await stream.until(isEnd, 60_000)
  expect(data.termination).toEqual({ type: 'natural_end' })
  expect(stream.frames.filter((frame) => frame.data.event_type === 'stream_reset')).toHaveLength(1)
  expect(textOf(stream)).toBe(`You said: ${WORDS}`)
  expect((await api.api.messages('lost-worker')).map(({ role }) => role)).toEqual(['user', 'assistant'])
  const log = await api.api.log('lost-worker')
  expect(log.filter(({ kind }) => kind === 'RunRescheduled')).toHaveLength(1)
})

test('kill -9 of the API: the run goes on, and its reader goes on at another API where it was', async () => {
  await startWorker()
  const before = await run('lost-api', slow(6_000))
  await before.until(() => textOf(before).includes('word2'))
  const run_id = runOf(before)
  const last_id = before.frames.findLast(({ id }) => id !== undefined && id !== '')?.id ?? ''
  expect(last_id).not.toBe('')
  await api.kill()
  api = await world.startRole('api')

  const after = await api.api.stream('GET', `/v1/runs/${run_id}/stream`, undefined, { 'last-event-id': last_id })
  const { data } = await after.until(isEnd, 30_000)
  expect(data.termination).toEqual({ type: 'natural_end' })
  expect(
    after.frames.some((frame) => frame.data.event_type === 'run_start'),
    'what was seen is not sent again',
  ).toBe(false)
  expect(textOf(after)).toBe(`You said: ${WORDS}`)
  const events = await api.api.stream('GET', '/v1/threads/lost-api/events/stream')
  const middle = await events.until((event) => event.kind === 'RunStarted')
  const rest = await api.api.stream('GET', '/v1/threads/lost-api/events/stream', undefined, { 'last-event-id': middle.id ?? '' })
  await rest.until((event) => event.kind === 'RunFinished')
  expect(rest.frames[0]?.data.event_seq).toBe(middle.data.event_seq + 1)
  for (const each of [events, rest]) each.close()
  await api.api.log('lost-api')
})

test('without a worker a command is refused in time, a first run begins, and both are done once there is one', async () => {
  const key = { 'idempotency-key': 'no-worker' }
  const said = (thread_id: string) => ({ agent_id: 'default', thread_id, messages: [{ role: 'user', content: 'Hello' }] })
  const first = await startWorker()
  await api.api.call('POST', '/v1/runs', said('no-worker'))
  await lose(first)

  const began = performance.now()
  const refused = await api.api.call('POST', '/v1/runs', said('no-worker'), key)
  expect(refused).toMatchObject({ status: 503, body: { code: 'thread_unavailable' } })
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(performance.now() - began).toBeLessThan(8_000)

  const begun = await api.api.call('POST', '/v1/threads/no-worker-yet/mailbox', { payload: 'Hello' })
  expect(begun.status).toBe(201)
  expect((await api.api.call('GET', `/v1/runs/${String(begun.body.run_id)}`)).body.status).toBe('running')
  const waits = run('no-worker-first', 'Hello')

  await startWorker()
  expect((await (await waits).until(isEnd, 30_000)).data.termination).toEqual({ type: 'natural_end' })
  const done = await api.api.call('GET', `/v1/runs/${String(begun.body.run_id)}/wait?timeout_ms=20000`)
  expect(done).toMatchObject({ status: 200, body: { final_output: 'You said: Hello' } })
  for (let tries = 0; tries < 20; tries++) {
    const { status, body } = await api.api.call('POST', '/v1/runs', said('no-worker'), key)
    if (status === 503) await sleep(500)
    else {
      expect({ status, body }).toMatchObject({ status: 200, body: { final_output: 'You said: Hello' } })
      break
    }
  }
  const words = ['Hello', 'You said: Hello']
  expect((await api.api.messages('no-worker')).map(({ content }) => content)).toEqual([...words, ...words])
  for (const thread of ['no-worker', 'no-worker-yet', 'no-worker-first']) await api.api.log(thread)
})
