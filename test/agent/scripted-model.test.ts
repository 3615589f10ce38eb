import { APICallError } from '@ai-sdk/provider'
import type { LanguageModelV4CallOptions, LanguageModelV4Prompt, LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { describe, expect, it } from 'vitest'
import { createScriptedModel } from '../../src/agent/scripted-model.ts'

const TOOLS = ['get_weather', 'sleep', 'send_email', 'ask_user']
const model = createScriptedModel()

function user(text: string): LanguageModelV4Prompt[number] {
  return { role: 'user', content: [{ type: 'text', text }] }
}
/** A step with one call and its result, as the next call to the model shows it. */
function step(id: string, toolName: string, output: object): LanguageModelV4Prompt {
  const result = { type: 'tool-result', toolCallId: id, toolName, output }
  return [
    { role: 'assistant', content: [{ type: 'tool-call', toolCallId: id, toolName, input: {} }] },
    { role: 'tool', content: [result] },
  ] as LanguageModelV4Prompt
}
function call(
  prompt: LanguageModelV4Prompt,
  more: Partial<LanguageModelV4CallOptions> & { step?: number; attempt?: number } = {},
): Promise<LanguageModelV4StreamPart[]> {
  const { step: at = 1, attempt = 1, ...rest } = more
  const tools = TOOLS.map((name) => ({ type: 'function' as const, name, inputSchema: {} }))
  return collect({ prompt, tools, providerOptions: { weft: { run_id: '0000-run', step: at, attempt } }, ...rest })
}
async function collect(options: LanguageModelV4CallOptions): Promise<LanguageModelV4StreamPart[]> {
  const { stream } = await model.doStream(options)
  const parts: LanguageModelV4StreamPart[] = []
  for await (const part of stream) parts.push(part)
  return parts
}
const deltas = (parts: LanguageModelV4StreamPart[], kind: 'text' | 'reasoning'): string[] =>
  parts.flatMap((part) =>
    (part.type === 'text-delta' || part.type === 'reasoning-delta') && part.type === `${kind}-delta` ? [part.delta] : [],
  )
const text = (parts: LanguageModelV4StreamPart[]): string => deltas(parts, 'text').join('')
const calls = (parts: LanguageModelV4StreamPart[]): [string, string][] =>
  parts.flatMap((part) => (part.type === 'tool-call' ? [[part.toolName, part.input] as [string, string]] : []))
const reason = (parts: LanguageModelV4StreamPart[]): string | undefined =>
  parts.flatMap((part) => (part.type === 'finish' ? [part.finishReason.unified] : []))[0]

describe('plain text', () => {
  it('is said back word by word', async () => {
    const parts = await call([user('hello  big\nworld')])
    expect(deltas(parts, 'text')).toEqual(['You ', 'said: ', 'hello  ', 'big\n', 'world'])
    expect(reason(parts)).toBe('stop')
    expect(parts.at(-1)).toMatchObject({ usage: { outputTokens: { total: 5 } } })
  })
  it('answers the last user message, and unknown commands are text', async () => {
    expect(text(await call([user('/tool sleep {}'), user('/dance now')]))).toBe('You said: /dance now')
  })
  it('answers a message that a tool has put into the run, before the next step and after the answer', async () => {
    const asked = [
      user('/tool remind {"text":"the oven"}'),
      ...step('c1', 'remind', { type: 'json', value: { reminder: 'the oven' } }),
    ]
    expect(text(await call([...asked, user('the oven')]))).toBe('You said: the oven')
    const answered: LanguageModelV4Prompt = [
      ...asked,
      { role: 'assistant', content: [{ type: 'text', text: 'remind returned: …' }] },
    ]
    const command = [...answered, user('/tool get_weather {"city":"Oslo"}')]
    expect(calls(await call(command))).toEqual([['get_weather', '{"city":"Oslo"}']])
    const result = step('c2', 'get_weather', { type: 'text', value: 'sunny' })
    expect(text(await call([...command, ...result]))).toBe('get_weather returned: sunny')
  })
  it('gives the same for the same input', async () => {
    const prompt = [user('/tool get_weather {"city":"Oslo"}')]
    expect(await call(prompt)).toEqual(await call(prompt))
  })
  it('also without streaming', async () => {
    const { content } = await model.doGenerate({ prompt: [user('/think a b\nhi')] })
    expect(content).toEqual([
      { type: 'reasoning', text: 'a b' },
      { type: 'text', text: 'You said: hi' },
    ])
  })
})

describe('/tool', () => {
  it('makes all lines calls of one step, with ids of their own', async () => {
    const parts = await call([
      user('/tool get_weather {"city":"Oslo"}\n/tool send_email {"to":"a@b.c","subject":"x"}\n/tool ask_user'),
    ])
    expect(calls(parts)).toEqual([
      ['get_weather', '{"city":"Oslo"}'],
      ['send_email', '{"to":"a@b.c","subject":"x"}'],
      ['ask_user', '{}'],
    ])
    expect(new Set(parts.flatMap((part) => (part.type === 'tool-call' ? [part.toolCallId] : []))).size).toBe(3)
    expect(text(parts)).toBe('')
    expect(reason(parts)).toBe('tool-calls')
  })
  it('then quotes the results, errors and denials too', async () => {
    const prompt = [
      user('/tool get_weather {"city":"Oslo"}\nthanks'),
      ...step('c1', 'get_weather', { type: 'json', value: { city: 'Oslo' } }),
      ...step('c2', 'send_email', { type: 'error-text', value: 'denied: not today' }),
      ...step('c3', 'ask_user', { type: 'text', value: 'blue' }),
      ...step('c4', 'sleep', { type: 'execution-denied', reason: 'no' }),
    ]
    const lines = text(await call(prompt)).split('\n')
    expect(lines).toEqual([
      'You said: thanks',
      'get_weather returned: {"city":"Oslo"}',
      'send_email failed: denied: not today',
      'ask_user returned: blue',
      'sleep was denied: no',
    ])
  })
  it('passes on arguments that are not JSON, for the path of refusal', async () => {
    expect(calls(await call([user('/tool sleep {"ms":')]))).toEqual([['sleep', '{"ms":']])
  })
})

describe('/loop', () => {
  const loop = user('/loop 2')
  const done = (n: number): LanguageModelV4Prompt => step(`c${String(n)}`, 'get_weather', { type: 'json', value: n })
  it('takes N steps with one call each, then answers', async () => {
    expect(calls(await call([loop]))).toEqual([['get_weather', '{"city":"City 1"}']])
    expect(calls(await call([loop, ...done(1)]))).toEqual([['get_weather', '{"city":"City 2"}']])
    expect(text(await call([loop, ...done(1), ...done(2)]))).toBe('get_weather returned: 1\nget_weather returned: 2')
  })
  it('comes after the /tool lines and uses a tool that is there', async () => {
    const both = user('/loop 1\n/tool sleep {"ms":1}')
    expect(calls(await call([both]))).toEqual([['sleep', '{"ms":1}']])
    expect(calls(await call([both, ...done(1)], { tools: [{ type: 'function', name: 'sleep', inputSchema: {} }] }))).toEqual([
      ['sleep', '{}'],
    ])
    expect(calls(await call([loop], { tools: [] }))).toEqual([])
  })
})

describe('/fail', () => {
  it('fails the first N attempts with the status, then answers', async () => {
    const prompt = [user('/fail 2 429\nhi')]
    for (const attempt of [1, 2]) {
      const error: unknown = await call(prompt, { attempt }).catch((caught: unknown) => caught)
      expect(APICallError.isInstance(error) && error.statusCode).toBe(429)
    }
    expect(text(await call(prompt, { attempt: 3 }))).toBe('You said: hi')
  })
  it('means the first step only', async () => {
    const prompt = [
      user('/fail 1 500\n/tool get_weather {"city":"Oslo"}'),
      ...step('c1', 'get_weather', { type: 'json', value: 1 }),
    ]
    expect(text(await call(prompt, { step: 2, attempt: 1 }))).toBe('get_weather returned: 1')
  })
})

it('/think reasons before the answer', async () => {
  const parts = await call([user('/think let me see\nhi')])
  expect(deltas(parts, 'reasoning').join('')).toBe('let me see')
  expect(text(parts)).toBe('You said: hi')
  expect(parts.findIndex((part) => part.type === 'reasoning-end')).toBeLessThan(
    parts.findIndex((part) => part.type === 'text-start'),
  )
})

describe('/slow', () => {
  it('spreads the answer over the time', async () => {
    const start = performance.now()
    expect(text(await call([user('/slow 200\nhi there')]))).toBe('You said: hi there')
    expect(performance.now() - start).toBeGreaterThan(190)
  })
  it('stops at once when aborted', async () => {
    const abort = new AbortController()
    const start = performance.now()
    setTimeout(() => {
      abort.abort(new Error('enough'))
    }, 50)
    await expect(call([user('/slow 60000\nhi there')], { abortSignal: abort.signal })).rejects.toThrow(/abort|enough/i)
    expect(performance.now() - start).toBeLessThan(1000)
  })
})
