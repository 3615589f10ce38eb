import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SeenRequest } from '../../src/http/middleware/observe.ts'
import { createLogger } from '../../src/program/logger.ts'
import { createClient, expectProblem, type Client } from './support/client.ts'
import { startService, type Service } from './support/service.ts'

/** The façade with a real logger, whose lines are kept. */
const lines: string[] = []
const seen: SeenRequest[] = []
let service: Service
let client: Client
beforeAll(async () => {
  const log = createLogger('info', false, { write: (text) => lines.push(text) })
  service = await startService(() => ({ log, on_request: (one) => void seen.push(one) }))
  client = createClient(service.url)
})
afterAll(() => service.close())

/** The line of the request with this id. */
async function lineOf(request_id: string): Promise<Record<string, unknown>> {
  const find = () =>
    lines.map((text) => JSON.parse(text) as Record<string, unknown>).filter((line) => line['request_id'] === request_id)
  await expect.poll(() => find().length).toBe(1)
  return find()[0] ?? {}
}

test('a request keeps the id that it brings, and its line names what it was about', async () => {
  const messages = [{ role: 'user', content: 'hello' }]
  const headers = { 'x-request-id': 'order-7:1' }
  const answer = await client.call('POST', '/v1/runs', { agent_id: 'default', thread_id: 'logged', messages }, headers)
  expect(answer.headers.get('x-request-id')).toBe('order-7:1')
  const { time, ms, ...line } = await lineOf('order-7:1')
  expect(line).toEqual({
    level: 'info',
    request_id: 'order-7:1',
    tenant: 'default',
    thread_id: 'logged',
    run_id: answer.body.run_id,
    method: 'POST',
    route: '/v1/runs',
    status: 200,
    msg: 'request',
  })
  expect([typeof time, typeof ms]).toEqual(['string', 'number'])
})

test.each([undefined, '', 'with space', `x${'y'.repeat(128)}`, '{"a":1}'])('an id that is none is replaced: %s', async (id) => {
  const answer = await client.call('GET', '/v1/threads', undefined, id === undefined ? {} : { 'x-request-id': id })
  const made = answer.headers.get('x-request-id') ?? ''
  expect(made).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/)
  expect(await lineOf(made)).toMatchObject({ method: 'GET', route: '/v1/threads', status: 200 })
})

test('an error answer tells the id, and the line neither address nor token', async () => {
  const token = 'weft_secretsecretsecr'
  const answer = await client.call('GET', `/v1/threads/missing?access_token=${token}`, undefined, { 'x-request-id': 'e-1' })
  expectProblem(answer, 404, 'thread_not_found')
  expect(answer.body.request_id).toBe('e-1')
  expect(await lineOf('e-1')).toMatchObject({ route: '/v1/threads/:id', status: 404, thread_id: 'missing' })
  const nowhere = await client.call('GET', '/nowhere/else', undefined, { 'x-request-id': 'e-2' })
  expect(nowhere.body).toMatchObject({ code: 'not_found', request_id: 'e-2' })
  expect(await lineOf('e-2')).toMatchObject({ route: 'none', status: 404 })
  expect(lines.join('')).not.toMatch(/secretsecret|access_token|nowhere/)
})

test('requests side by side do not mix their facts', async () => {
  const ids = Array.from({ length: 20 }, (_, index) => `side-${String(index)}`)
  const submit = (id: string) =>
    client.call(
      'POST',
      '/v1/runs',
      { agent_id: 'default', thread_id: id, messages: [{ role: 'user', content: 'hi' }] },
      { 'x-request-id': id },
    )
  const answers = await Promise.all(ids.map(submit))
  for (const [index, id] of ids.entries()) {
    expect(await lineOf(id)).toMatchObject({ thread_id: id, run_id: answers[index]?.body.run_id })
  }
})

test('health checks are not worth a line at info, but are counted', async () => {
  await client.call('GET', '/health', undefined, { 'x-request-id': 'h-1' })
  await client.call('GET', '/v1/agents', undefined, { 'x-request-id': 'h-2' })
  await lineOf('h-2')
  expect(lines.join('')).not.toContain('h-1')
  expect(seen.map(({ route }) => route)).toContain('/health')
})

test('a stream is measured to its first byte', async () => {
  const stream = await client.stream('POST', '/v1/runs', {
    agent_id: 'default',
    messages: [{ role: 'user', content: '/slow 300\nslowly now' }],
  })
  await stream.all()
  await expect.poll(() => seen.filter((one) => one.stream).length).toBe(1)
  const [one] = seen.filter(({ stream: is }) => is)
  expect(one?.ms).toBeGreaterThan(250)
  expect(one?.until_first_ms).toBeLessThan((one?.ms ?? 0) - 150)
})
