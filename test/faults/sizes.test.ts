import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createWorld, type Running, type World } from './support/world.ts'

const MAX_CONTENT = 262_144
let world: World
let program: Running
beforeAll(async () => {
  world = await createWorld()
  program = await world.start({ WEFT_CONFIG: join(import.meta.dirname, 'support', 'large.config.ts') })
})
afterAll(async () => {
  await world.end()
})

/** The thread still does what threads do. */
async function answers(thread_id: string): Promise<void> {
  const { status, body } = await program.api.run('Still there?', { thread_id })
  expect({ status, body }).toMatchObject({ status: 200, body: { status: 'done', termination: { type: 'natural_end' } } })
  expect(body.final_output).toContain('You said: Still there?')
  await program.api.log(thread_id)
}

describe('a message', () => {
  test.each([
    ['ASCII', 'a', ''],
    ['two-byte characters', 'é', ''],
    ['three-byte characters', '€', 'a'],
    ['four-byte characters', '😀', ''],
    ['characters that JSON escapes', '"', ''],
  ])('of 262,144 bytes passes, one more does not: %s', async (name, character, rest) => {
    const thread_id = `size-${name.replaceAll(/\W/g, '-')}`
    const whole = character.repeat(Math.floor(MAX_CONTENT / Buffer.byteLength(character))) + rest
    expect(Buffer.byteLength(whole)).toBe(MAX_CONTENT)
    const send = (content: string, path: string): Promise<{ status: number; body: any }> =>
      path === '/v1/runs'
        ? program.api.run(content, { thread_id })
        : program.api.call('POST', path, { messages: [{ role: 'user', content }] })
    for (const path of ['/v1/runs', `/v1/threads/${thread_id}/messages`]) {
      const { status, body } = await send(whole, path)
      expect(status, JSON.stringify(body).slice(0, 500)).toBe(path === '/v1/runs' ? 200 : 202)
      const refused = await send(`${whole}a`, path)
      expect(refused).toMatchObject({ status: 413, body: { code: 'payload_too_large' } })
    }
    const { run_id } = await program.api.get(`/v1/threads/${thread_id}/runs/latest`)
    await program.api.whenRun(run_id)
    const [first] = await program.api.messages(thread_id)
    expect(first?.content).toBe(whole)
    await answers(thread_id)
  })

  test('of many parts counts as a whole', async () => {
    const parts = (bytes: number): object[] => [
      { type: 'text', text: 'é'.repeat(60_000) },
      { type: 'text', text: 'a'.repeat(bytes - 120_000) },
    ]
    const run = (bytes: number): Promise<{ status: number }> =>
      program.api.call('POST', '/v1/runs', { agent_id: 'default', messages: [{ role: 'user', content: parts(bytes) }] })
    expect((await run(MAX_CONTENT)).status).toBe(200)
    expect((await run(MAX_CONTENT + 2 * 'text'.length + 1)).status).toBe(413)
  })
})

describe('a tool', () => {
  test.each(['large', 'large_object', 'large_error'])(
    'whose result has 3 MB neither ends nor hangs the thread: %s',
    async (name) => {
      const thread_id = `result-${name}`
      const { status, body } = await program.api.run(`/tool ${name}`, { thread_id })
      expect({ status, body }).toMatchObject({ status: 200, body: { status: 'done', termination: { type: 'natural_end' } } })
      const log = await program.api.log(thread_id)
      expect(log.filter((event) => event.kind === 'ToolCallDone')).toHaveLength(1)
      await answers(thread_id)
    },
  )

  test('shows arguments of 100 kB on its ticket, and runs with them', async () => {
    const thread_id = 'arguments'
    const text = 'x'.repeat(100_000)
    const { body: run } = await program.api.run(`/tool approve ${JSON.stringify({ text })}`, { thread_id })
    expect(run.status).toBe('waiting')
    const [ticket] = run.waiting.tickets
    expect(ticket.arguments).toEqual({ text })
    const decided = await program.api.call('POST', `/v1/runs/${run.run_id}/decision`, {
      tool_call_id: ticket.tool_call_id,
      action: 'resume',
    })
    expect(decided.status).toBe(202)
    expect((await program.api.whenRun(run.run_id)).final_output).toContain('100000')
    await answers(thread_id)
  })

  test('takes edited arguments of 100 kB', async () => {
    const thread_id = 'edited'
    const { body: run } = await program.api.run('/tool approve {"text":"x"}', { thread_id })
    const { tool_call_id } = run.waiting.tickets[0]
    const payload = { approved: true, edited_args: { text: 'y'.repeat(100_000) } }
    const decided = await program.api.call('POST', `/v1/runs/${run.run_id}/decision`, { tool_call_id, action: 'resume', payload })
    expect(decided).toMatchObject({ status: 202 })
    expect((await program.api.whenRun(run.run_id)).final_output).toContain('100000')
    await answers(thread_id)
  })

  test('may return what a database cannot keep', async () => {
    const thread_id = 'strange-result'
    const { body: run } = await program.api.run('/tool strange\n/tool deep\n/tool cyclic\n/tool throws_strange', { thread_id })
    expect(run).toMatchObject({ status: 'done', termination: { type: 'natural_end' } })
    await answers(thread_id)
  })
})

describe('strange content', () => {
  const nul = String.fromCharCode(0)
  test.each([
    ['NUL characters', `a${nul}b`],
    ['a lone high surrogate', 'a\ud800b'],
    ['a lone low surrogate', 'a\udc00'],
    ['control characters', 'a\u0001\u001b\u2028\ufeff\uffff'],
    ['what looks like an escape', 'a\\u0000 \\\\ud800 {"$undecodable":1}'],
  ])('is kept or refused, and the thread goes on: %s', async (name, content) => {
    const thread_id = `strange-${name.replaceAll(/\W/g, '-')}`
    await answers(thread_id)
    const { status, body } = await program.api.run(content, { thread_id })
    if (status !== 400) {
      expect({ status, body }).toMatchObject({ status: 200, body: { termination: { type: 'natural_end' } } })
      expect(body.final_output).toBe(`You said: ${content}`)
    }
    const metadata = await program.api.run('x', { thread_id, metadata: { [content]: content } })
    expect([200, 400]).toContain(metadata.status)
    await answers(thread_id)
  })

  test('that is nested deeply is refused, and the thread goes on', async () => {
    const thread_id = 'deep'
    await answers(thread_id)
    const deep = (levels: number): string => `${'['.repeat(levels)}1${']'.repeat(levels)}`
    const headers = { 'content-type': 'application/json', accept: 'application/json' }
    const send = (metadata: string): Promise<{ status: number; body: any }> =>
      program.api.raw('POST', '/v1/runs', {
        headers,
        body: `{"agent_id":"default","thread_id":"${thread_id}","messages":[{"role":"user","content":"x"}],"metadata":{"a":${metadata}}}`,
      })
    for (const levels of [100, 100_000]) expect((await send(deep(levels))).status).toBe(400)
    expect((await send(deep(60))).status).toBe(200)
    // A model may write arguments as deep as it likes.
    for (const levels of [500, 5_000]) {
      const { status, body } = await program.api.run(`/tool approve {"text":${deep(levels)}}`, { thread_id })
      expect({ status, body }).toMatchObject({ status: 200, body: { status: 'done' } })
    }
    await answers(thread_id)
  })
})
