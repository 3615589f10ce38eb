import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startOpenAiServer, type Answer, type OpenAiServer } from '../support/openai-server.ts'
import { isText, kindsOf, names, textOf, Weft } from './support/weft.ts'

/** The default agent on an endpoint that speaks chat completions, which is all that is set. */
const answers: Answer[] = []
let endpoint: OpenAiServer
const weft = new Weft()
beforeAll(async () => {
  endpoint = await startOpenAiServer({ answers })
  await weft.start({ OPENAI_API_KEY: 'key-of-the-test', OPENAI_BASE_URL: endpoint.base_url, OPENAI_MODEL: 'model-of-the-test' })
})
afterEach(() => weft.checkLogs())
afterAll(async () => {
  try {
    // Whatever failed: the log says so without the key or what people wrote.
    const written = await weft.stop()
    expect(written).not.toMatch(/key-of-the-test|hello\?|tell me/)
  } finally {
    weft.close()
    await endpoint.close()
  }
})
const newThread = names('endpoint')

test('text arrives while the model is still writing', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  answers.push({ kind: 'text', text: 'first and then the rest', hold: promise })
  const stream = await weft.run(newThread(), 'write')
  expect((await stream.until(isText)).data.delta).toBe('first ')
  expect(stream.frames.map(({ data }) => data.event_type)).not.toContain('inference_complete')
  resolve()
  const frames = await stream.all()
  expect(textOf(frames)).toBe('first and then the rest')
  expect(frames.at(-1)).toMatchObject({ event_type: 'run_finish', termination: { type: 'natural_end' } })
})

test('the endpoint gets the key, the model, the system prompt, the tools and the conversation', async () => {
  const thread = newThread()
  const before = endpoint.requests.length
  answers.push({ kind: 'text', text: 'Hello Ada.' }, { kind: 'text', text: 'You are Ada.' })
  await weft.ask(thread, 'I am Ada.')
  await weft.ask(thread, 'Who am I?')
  expect(endpoint.authorizations.at(-1)).toBe('Bearer key-of-the-test')
  expect(endpoint.requests).toHaveLength(before + 2)
  expect(endpoint.requests.at(-1)).toMatchObject({ model: 'model-of-the-test', stream: true })
  const offered = ['get_weather', 'sleep', 'send_email', 'ask_user', 'remember', 'remind']
  expect(endpoint.requests.at(-1)?.tools).toMatchObject(offered.map((name) => ({ function: { name } })))
  const { messages } = endpoint.requests.at(-1) ?? { messages: [] }
  expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user'])
  expect(messages.slice(1).map(({ content }) => content)).toEqual(['I am Ada.', 'Hello Ada.', 'Who am I?'])
})

test('tool calls run, and their results go back to the model; usage is on the run', async () => {
  const thread = newThread()
  const calls = [
    { id: 'call_oslo', name: 'get_weather', args: '{"city":"Oslo"}' },
    { id: 'call_rome', name: 'get_weather', args: '{"city":"Rome"}' },
  ]
  answers.push({ kind: 'tools', calls, text: 'Let me see. ' }, { kind: 'text', text: 'It is fine.' })
  const stream = await weft.run(thread, 'How is the weather?')
  const frames = await stream.all()
  const ready = frames.filter(({ event_type }) => event_type === 'tool_call_ready')
  expect(ready).toMatchObject([{ arguments: { city: 'Oslo' } }, { arguments: { city: 'Rome' } }])
  const done = frames.filter(({ event_type }) => event_type === 'tool_call_done')
  expect(done.map(({ outcome, result }) => [outcome, result.data.city]).sort()).toEqual([
    ['succeeded', 'Oslo'],
    ['succeeded', 'Rome'],
  ])
  const { run_id } = frames.at(-1)
  const messages = endpoint.requests.at(-1)?.messages ?? []
  expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool', 'tool'])
  const answered = messages.slice(3).map(({ tool_call_id }) => ({ id: tool_call_id }))
  expect(messages[2]?.tool_calls).toMatchObject(answered)
  // The endpoint counts 10 for each message it reads: 2, then 5; and words for what it writes: 0, then 3.
  expect((await weft.client.call('GET', `/v1/runs/${run_id as string}`)).body).toMatchObject({
    steps: 2,
    usage: { input_tokens: 70, output_tokens: 3 },
    final_output: 'It is fine.',
  })
})

describe('an endpoint that fails', () => {
  test('with 429 is asked again when it said, and the reader is told', async () => {
    const thread = newThread()
    answers.push({ kind: 'status', status: 429, retry_after: '1' }, { kind: 'text', text: 'Here I am.' })
    const began = Date.now()
    const frames = await (await weft.run(thread, 'hello?')).all()
    expect(Date.now() - began).toBeGreaterThanOrEqual(1_000)
    expect(frames.map(({ event_type }) => event_type)).toContain('stream_reset')
    expect(frames.at(-1)).toMatchObject({ termination: { type: 'natural_end' }, result: { response: 'Here I am.' } })
    const again = (await weft.log(thread)).filter(({ kind }) => kind === 'RunRescheduled')
    expect(again.map(({ payload }) => payload['attempt'])).toEqual([2])
  })

  test('in the middle of an answer is asked again, and nothing of the half answer stays', async () => {
    const thread = newThread()
    answers.push({ kind: 'text', text: 'half of it is lost', delay_ms: 50, cut_after: 2 }, { kind: 'text', text: 'all of it' })
    const frames = await (await weft.run(thread, 'tell me')).all()
    const reset = frames.findIndex(({ event_type }) => event_type === 'stream_reset')
    expect(reset).toBeGreaterThan(0)
    expect(textOf(frames.slice(0, reset))).toMatch(/^half (of )?$/)
    expect(textOf(frames.slice(reset))).toBe('all of it')
    expect((await weft.messages(thread)).map(({ content }) => content)).toEqual(['tell me', 'all of it'])
  })

  test('with 401 ends the run with an error at once, and the thread takes the next message', async () => {
    const thread = newThread()
    const before = endpoint.requests.length
    answers.push({ kind: 'status', status: 401, message: 'Incorrect API key provided: key-of-the-test' })
    const frames = await (await weft.run(thread, 'hello?')).all()
    expect(frames.at(-1)).toMatchObject({ event_type: 'error', code: 'auth_failed' })
    expect(JSON.stringify(frames)).not.toContain('key-of-the-test')
    expect(endpoint.requests).toHaveLength(before + 1)
    expect(kindsOf(await weft.log(thread))).not.toContain('RunRescheduled')
    answers.push({ kind: 'text', text: 'Better now.' })
    expect((await weft.ask(thread, 'and now?')).body).toMatchObject({ final_output: 'Better now.' })
  })
})
