import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { jsonSchema } from 'ai'
import { z } from 'zod'
import { defineConfig, tool } from '../../src/agent/define-config.ts'
import type { WeftConfig } from '../../src/agent/define-config.ts'
import type { LiveFrame } from '../../src/live/bus.ts'
import type { Store } from '../../src/store/store.ts'
import type { ModelStepResult } from '../../src/thread/ports.ts'
import { rateLimited, startOpenAiServer } from '../support/openai-server.ts'
import type { Answer, OpenAiServer, Script } from '../support/openai-server.ts'
import { createWorld, openStore } from './world.ts'
import type { World } from './world.ts'

const directory = mkdtempSync(join(tmpdir(), 'weft-model-'))
let store: Store
let server: OpenAiServer | undefined
beforeAll(async () => {
  store = await openStore()
}, 60_000)
afterEach(async () => {
  await server?.close()
})
afterAll(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

const config: WeftConfig = defineConfig({
  agents: [{ id: 'default', system: 'Be kind.', tools: ['weather', 'risky', 'raw', 'remote'] }],
  tools: {
    weather: tool({
      description: 'Weather',
      inputSchema: z.object({ city: z.string().transform((city) => city.length) }),
      execute: (args) => args,
      repeatable: true,
    }),
    risky: tool({
      inputSchema: z.object({ amount: z.number() }),
      needsApproval: ({ amount }) => amount > 10,
      execute: () => 'ok',
      expiresInMs: 5000,
      timeoutMs: 100,
    }),
    raw: tool({
      inputSchema: jsonSchema<object>({ type: 'object' }),
      needsApproval: () => Promise.reject(new Error('broken')),
      execute: () => 1,
    }),
    remote: tool({ inputSchema: z.object({}), external: true }),
  },
})

async function world(
  answer: Answer | Script,
  options: Parameters<typeof createWorld>[2] = {},
  log_file?: string,
): Promise<World> {
  const script = typeof answer === 'function' ? answer : (): Answer => answer
  server = await startOpenAiServer({ script, ...(log_file === undefined ? {} : { log_file }) })
  const openai = { apiKey: 'sk-test-123456', baseUrl: server.base_url, model: 'm-1' }
  const providers = { openai, anthropic: { apiKey: null, baseUrl: null, model: null } }
  return createWorld(store, [{ role: 'user', content: 'hello' }], { config, providers, ...options })
}
const frames = <T extends LiveFrame['type']>(here: World, type: T): Extract<LiveFrame, { type: T }>[] =>
  here.frames.filter((frame): frame is Extract<LiveFrame, { type: T }> => frame.type === type)
function plans(result: ModelStepResult): Extract<ModelStepResult, { kind: 'completed' }>['calls'] {
  if (result.kind !== 'completed') throw new Error(`the step ended ${result.kind}`)
  return result.calls
}

describe('an answer', () => {
  it('is streamed, staged and reported', async () => {
    const log = join(directory, 'requests.log')
    const here = await world({ kind: 'text', text: 'one two three', reasoning: 'let me think' }, {}, log)
    const result = await here.step()
    expect(result).toMatchObject({
      kind: 'completed',
      model: 'openai/m-1',
      finish_reason: 'stop',
      usage: { input_tokens: 20, output_tokens: 3 },
      limits: { max_steps: 50 },
      has_content: true,
      has_text: true,
      calls: [],
      worker: 'worker-1',
    })
    expect(await here.staged('text')).toBe('one two three')
    expect(await here.staged('message')).toEqual([
      { type: 'reasoning', text: 'let me think' },
      { type: 'text', text: 'one two three' },
    ])
    expect(frames(here, 'step_start')).toMatchObject([{ step: 1, attempt: 1, message_id: 'message-1', run_id: here.ids.run_id }])
    expect(frames(here, 'delta').map(({ kind, offset, delta }) => [kind, offset, delta])).toEqual([
      ['reasoning', 0, 'let me think'],
      ['text', 0, 'one '],
      ['text', 4, 'two '],
      ['text', 8, 'three'],
    ])
    const lines = readFileSync(log, 'utf8').trim().split('\n')
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      model: 'm-1',
      stream: true,
      messages: [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'hello' },
      ],
    })
    expect(server?.requests[0]?.tools).toHaveLength(4)
    expect(server?.authorizations).toEqual(['Bearer sk-test-123456'])
  })
  it('of plain text is stored as a string, of nothing as nothing', async () => {
    const here = await world((_request, n) => ({ kind: 'text', text: n === 1 ? 'hi' : '' }))
    await here.step()
    expect(await here.staged('message')).toBe('hi')
    expect(await here.step({ attempt: 2 })).toMatchObject({ kind: 'completed', has_content: false, has_text: false })
  })
  it('is sent again to whoever joins late', async () => {
    const here = await world({ kind: 'text', text: 'a b c d', delay_ms: 100 })
    const running = here.step()
    await expect.poll(() => frames(here, 'delta').length).toBeGreaterThan(1)
    const before = here.frames.length
    here.publish({ type: 'sync', thread_id: here.ids.thread_id })
    await expect.poll(() => here.frames.length).toBeGreaterThan(before + 2)
    expect(here.frames.slice(before, before + 3)).toMatchObject([
      { type: 'sync' },
      { type: 'step_start' },
      { type: 'delta', offset: 0, delta: expect.stringMatching(/^a b /) as string },
    ])
    await running
  })
  it('pins the agent and its limits, and remembers its spec', async () => {
    const here = await world({ kind: 'text', text: 'hi' }, { overrides: { max_steps: 2, token_budget: 9 } })
    const result = await here.step()
    if (result.kind !== 'completed') throw new Error(result.kind)
    expect(result.limits).toEqual({ max_steps: 2, token_budget: 9 })
    expect(await store.agents.get(result.agent_version)).toMatchObject({
      agent_id: 'default',
      spec: { system: 'Be kind.', model: 'openai/m-1' },
    })
    const later = await createWorld(store, [{ role: 'user', content: 'again' }], {
      config: { agents: [{ id: 'default', system: 'Be rude.', model: 'scripted' }] },
      providers: {
        openai: { apiKey: null, baseUrl: server?.base_url ?? '', model: null },
        anthropic: { apiKey: null, baseUrl: null, model: null },
      },
    })
    expect(await later.step({ agent_version: result.agent_version })).toMatchObject({
      kind: 'completed',
      agent_version: result.agent_version,
      model: 'openai/m-1',
    })
    expect(server?.requests.at(-1)?.messages[0]).toEqual({ role: 'system', content: 'Be kind.' })
    expect(server?.requests.at(-1)?.tools).toBeUndefined()
  })
  it('honours the tools and the format that a run asked for', async () => {
    const schema = { type: 'object', properties: { a: { type: 'number' } } }
    const here = await world(
      { kind: 'text', text: '{"a":1}' },
      { overrides: { tools: ['raw'], response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } } } },
    )
    expect(await here.step()).toMatchObject({ kind: 'completed' })
    expect(server?.requests[0]?.tools).toMatchObject([{ function: { name: 'raw' } }])
    expect(server?.requests[0]?.response_format).toMatchObject({ type: 'json_schema', json_schema: { name: 'answer' } })
  })
})

describe('tool calls', () => {
  it('are planned by what their tools say', async () => {
    const calls = [
      { name: 'weather', args: '{"city":"Oslo"}' },
      { name: 'risky', args: '{"amount":11}' },
      { name: 'risky', args: '{"amount":1}' },
      { name: 'raw', args: '{}' },
      { name: 'remote', args: '' },
      { name: 'weather', args: '{"city":7}' },
      { name: 'gone', args: '{}' },
      { name: 'weather', args: '{"city"' },
    ]
    const here = await world({ kind: 'tools', text: 'Wait. ', calls })
    const result = await here.step()
    const got = plans(result)
    expect(got.map((plan) => [plan.tool_name, plan.disposition])).toEqual([
      ['weather', 'run'],
      ['risky', 'approve'],
      ['risky', 'run'],
      ['raw', 'approve'],
      ['remote', 'external'],
      ['weather', 'reject'],
      ['gone', 'reject'],
      ['weather', 'reject'],
    ])
    expect(got[0]).toMatchObject({
      arguments: { city: 'Oslo' },
      arguments_staged: false,
      repeatable: true,
      timeout_ms: null,
      expires_in_ms: null,
    })
    expect(got[1]).toMatchObject({ repeatable: false, timeout_ms: 100, expires_in_ms: 5000 })
    expect(got[5]?.rejection).toBe(
      'the arguments do not fit the tool weather: city: Invalid input: expected string, received number',
    )
    expect(got[6]?.rejection).toBe('there is no tool named "gone"; the tools are: weather, risky, raw, remote')
    expect(got[7]?.rejection).toBe('the arguments of weather are not valid JSON')
    expect(result).toMatchObject({ finish_reason: 'tool_calls', has_text: true })
    expect(await here.staged('message')).toMatchObject([
      { type: 'text', text: 'Wait. ' },
      ...got.map(({ tool_call_id }) => ({ type: 'tool_call', tool_call_id })),
    ])
    expect(frames(here, 'tool_call_start').map((frame) => frame.id)).toEqual(got.map((plan) => plan.tool_call_id))
    const first = frames(here, 'tool_call_delta').filter((frame) => frame.id === got[0]?.tool_call_id)
    expect(first.map((frame) => frame.args_delta).join('')).toBe('{"city":"Oslo"}')
    expect(first.map((frame) => frame.offset)).toEqual([0, 8])
  })
  it('get ids that the thread has not used', async () => {
    const used = { type: 'tool_call' as const, tool_call_id: 'call_0', tool_name: 'raw', arguments: {} }
    const here = await world({
      kind: 'tools',
      calls: [
        { id: 'call_0', name: 'raw', args: '{}' },
        { id: 'same', name: 'raw', args: '{}' },
        { id: 'same', name: 'raw', args: '{}' },
      ],
    })
    const second = await createWorld(
      store,
      [
        { role: 'user', content: 'go' },
        { role: 'assistant', content: [used] },
        { role: 'user', content: 'go' },
      ],
      {
        config,
        providers: {
          openai: { apiKey: null, baseUrl: server?.base_url ?? '', model: null },
          anthropic: { apiKey: null, baseUrl: null, model: null },
        },
      },
    )
    const first = plans(await here.step()).map((plan) => plan.tool_call_id)
    expect(first.slice(0, 2)).toEqual(['call_0', 'same'])
    expect(new Set(first).size).toBe(3)
    expect(plans(await second.step())[0]?.tool_call_id).toBe('call_0_2')
  })
  it('with large arguments leave them in the store', async () => {
    const args = { text: 'x'.repeat(5000) }
    const here = await world({ kind: 'tools', calls: [{ name: 'raw', args: JSON.stringify(args) }] })
    const [plan] = plans(await here.step())
    expect(plan).toMatchObject({ arguments: null, arguments_staged: true })
    expect(await here.staged(`args:${plan?.tool_call_id ?? ''}`)).toEqual(args)
  })
})

describe('failures are values', () => {
  it('429 with Retry-After, then an answer', async () => {
    const here = await world(rateLimited(1, '2', { kind: 'text', text: 'at last' }))
    expect(await here.step()).toEqual({
      kind: 'failed',
      retryable: true,
      code: 'rate_limited',
      error: 'the model provider answered 429: Rate limit reached',
      retry_after_ms: 2000,
      worker: 'worker-1',
    })
    expect(await here.step({ attempt: 2 })).toMatchObject({ kind: 'completed' })
    expect(server?.requests).toHaveLength(2)
  })
  it.each<[string, Answer, object]>([
    [
      '401',
      { kind: 'status', status: 401, message: 'Incorrect API key provided: sk-test-123456' },
      { retryable: false, code: 'auth_failed' },
    ],
    [
      '400',
      { kind: 'status', status: 400, message: 'too long' },
      { retryable: false, code: 'invalid_request', error: 'the model provider answered 400: too long' },
    ],
    ['503', { kind: 'status', status: 503 }, { retryable: true, code: 'provider_error' }],
    ['a cut connection', { kind: 'text', text: 'a b c', cut_after: 2 }, { retryable: true, code: 'network' }],
    [
      'an answer that breaks off',
      { kind: 'text', text: 'a b c', delay_ms: 20, cut_after: 2 },
      { retryable: true, code: 'network' },
    ],
    [
      'an error in the stream',
      { kind: 'stream_error', text: 'a b', message: 'overloaded' },
      { retryable: true, code: 'provider_error' },
    ],
  ])('%s', async (_name, answer, expected) => {
    const here = await world(answer)
    const result = await here.step()
    expect(result).toMatchObject({ kind: 'failed', ...expected })
    expect(JSON.stringify(result)).not.toContain('123456')
    expect(server?.requests).toHaveLength(1)
  })
  it('no server, no agent, no run, an override that is not allowed', async () => {
    const here = await world({ kind: 'text', text: 'x' }, { overrides: { model: 'openai/other' } })
    expect(await here.step()).toMatchObject({ kind: 'failed', retryable: false, code: 'override_not_allowed' })
    expect(await here.step({ agent_id: 'nobody' })).toMatchObject({
      kind: 'failed',
      retryable: false,
      code: 'unknown_agent',
      error: 'there is no agent "nobody"; the configuration has default',
    })
    expect(await here.step({ agent_version: '0000' })).toMatchObject({ kind: 'failed', code: 'unknown_agent' })
    expect(await here.step({ run_id: 'nothing' })).toMatchObject({ kind: 'failed', code: 'run_not_found', worker: 'worker-1' })
    const away = await world({ kind: 'text', text: 'x' })
    await server?.close()
    expect(await away.step()).toMatchObject({ kind: 'failed', retryable: true, code: 'network' })
  })
})
