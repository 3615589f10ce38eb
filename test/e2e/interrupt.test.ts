import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Stream } from '../http/support/client.ts'
import { eventually } from '../support/engine.ts'
import { startOpenAiServer, type Answer, type OpenAiServer } from '../support/openai-server.ts'
import { isText, names, textOf, Weft } from './support/weft.ts'

/** Stopping a model call that has begun to answer: `default` asks an endpoint that holds back, `scripted` is slow itself. */
const answers: Answer[] = []
let endpoint: OpenAiServer
const weft = new Weft()
beforeAll(async () => {
  endpoint = await startOpenAiServer({ answers })
  weft.write('weft.config.ts', `export default { agents: [{ id: 'default' }, { id: 'scripted', model: 'scripted' }] }\n`)
  await weft.start({ OPENAI_API_KEY: 'key', OPENAI_BASE_URL: endpoint.base_url })
})
afterEach(() => weft.checkLogs())
afterAll(async () => {
  weft.close()
  await endpoint.close()
})
const newThread = names('interrupt')
const AT_ONCE_MS = 300

/** Starts a run whose model has said its first word and holds the rest for longer than any test takes. */
async function beginSlow(thread: string, agent_id: string, more: object = {}): Promise<{ stream: Stream; run_id: string }> {
  if (agent_id === 'default') answers.push({ kind: 'text', text: 'partial and never more', hold: new Promise(() => {}) })
  const stream = await weft.run(thread, '/slow 200000\npartial and never more', { agent_id, ...more })
  await stream.until(isText)
  return { stream, run_id: (stream.response.headers.get('content-location') ?? '').replace('/v1/runs/', '') }
}

describe.each(['default', 'scripted'])('the agent "%s" that is answering', (agent_id) => {
  const begun = agent_id === 'default' ? 'partial ' : 'You '

  test('stops at once when it is interrupted; what it has said stays', async () => {
    const thread = newThread()
    const { stream, run_id } = await beginSlow(thread, agent_id)
    const began = performance.now()
    const interrupted = weft.client.call('POST', `/v1/threads/${thread}/interrupt`)
    const frames = await stream.all()
    expect(performance.now() - began).toBeLessThan(AT_ONCE_MS)
    expect(await interrupted).toMatchObject({ status: 202, body: { run_id } })
    expect(frames.at(-1)).toMatchObject({ event_type: 'run_finish', termination: { type: 'cancelled' } })
    expect(textOf(frames)).toBe(begun)
    expect(await weft.messages(thread)).toMatchObject([
      { role: 'user', interrupted: false },
      { role: 'assistant', content: begun, interrupted: true },
    ])
  })

  test('stops at once when its run is cancelled', async () => {
    const { stream, run_id } = await beginSlow(newThread(), agent_id)
    const began = performance.now()
    const cancelled = await weft.client.call('POST', `/v1/runs/${run_id}/cancel?wait=true`)
    expect(cancelled).toMatchObject({ status: 202, body: { run: { status: 'done', termination: { type: 'cancelled' } } } })
    await stream.all()
    expect(performance.now() - began).toBeLessThan(AT_ONCE_MS)
  })

  test('gives way to a foreground message, which is answered next', async () => {
    const thread = newThread()
    const first = await beginSlow(thread, agent_id)
    const queued = await weft.queue(thread, 'queued')
    const second = await weft.run(thread, 'instead', { agent_id })
    expect((await first.stream.all()).at(-1)).toMatchObject({ run_id: first.run_id, termination: { type: 'cancelled' } })
    const answer = (await second.all()).at(-1)
    expect(answer).toMatchObject({ termination: { type: 'natural_end' } })
    expect(answer.result.response).toContain('instead')
    // What was queued is kept, and comes after.
    expect((await weft.record(queued)).termination.type).toBe('natural_end')
    const said = (await weft.messages(thread)).filter(({ role }) => role === 'user').map(({ content }) => content)
    expect(said.slice(1)).toEqual(['instead', 'queued'])
  })

  test('goes on when the reader goes, unless the caller asked otherwise', async () => {
    const [kept, dropped] = [newThread(), newThread()]
    const first = await beginSlow(kept, agent_id)
    first.stream.close()
    const second = await beginSlow(dropped, agent_id, { on_disconnect: 'cancel' })
    second.stream.close()
    expect((await weft.record(second.run_id)).termination).toEqual({ type: 'cancelled' })
    expect(await weft.record(first.run_id, () => true)).toMatchObject({ status: 'running' })
    await weft.client.call('POST', `/v1/threads/${kept}/interrupt`)
    await weft.record(first.run_id)
  })
})

test('the endpoint is let go of, and next gets a transcript that holds what it had said', async () => {
  const thread = newThread()
  const aborted = endpoint.aborted()
  const { stream } = await beginSlow(thread, 'default')
  await weft.client.call('POST', `/v1/threads/${thread}/interrupt`)
  await stream.all()
  await eventually(() => (endpoint.aborted() === aborted + 1 ? true : undefined))
  answers.push({ kind: 'text', text: 'Right.' })
  expect((await weft.ask(thread, 'Go on.')).body).toMatchObject({ status: 'done', final_output: 'Right.' })
  const messages = endpoint.requests.at(-1)?.messages.filter(({ role }) => role !== 'system') ?? []
  expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user'])
  expect(JSON.stringify(messages[1]?.content)).toContain('partial')
  expect(messages[2]?.content).toBe('Go on.')
})

test('an endpoint that has not said a word is let go of as fast, and leaves no empty message', async () => {
  const thread = newThread()
  const asked = endpoint.requests.length
  answers.push({ kind: 'text', text: 'too late', first_byte_ms: 60_000 })
  const stream = await weft.run(thread, 'hello?')
  await eventually(() => (endpoint.requests.length > asked ? true : undefined))
  const began = performance.now()
  const interrupted = weft.client.call('POST', `/v1/threads/${thread}/interrupt`)
  expect((await stream.all()).at(-1)).toMatchObject({ termination: { type: 'cancelled' } })
  expect(performance.now() - began).toBeLessThan(AT_ONCE_MS)
  await interrupted
  expect((await weft.messages(thread)).map(({ role }) => role)).toEqual(['user'])
})

test('a run that the reader has left ends by itself, and can be read', async () => {
  const thread = newThread()
  const { promise, resolve } = Promise.withResolvers<void>()
  answers.push({ kind: 'text', text: 'partial then all', hold: promise })
  const stream = await weft.run(thread, 'tell me')
  await stream.until(isText)
  stream.close()
  resolve()
  const run_id = (stream.response.headers.get('content-location') ?? '').replace('/v1/runs/', '')
  expect(await weft.record(run_id)).toMatchObject({ termination: { type: 'natural_end' }, final_output: 'partial then all' })
})
