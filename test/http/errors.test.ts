import { request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { AgentSummary } from '../../src/http/options.ts'
import { PROBLEMS } from '../../src/http/problems.ts'
import { StoreUnavailable, type Store } from '../../src/store/store.ts'
import { ThreadUnavailable, type ThreadGateway } from '../../src/temporal/gateway.ts'
import { reject, type Answer, type RejectionCode } from '../../src/thread/reply.ts'
import { createClient, expectProblem, type Client } from './support/client.ts'
import { expectAnswer } from './support/contract.ts'
import { startService, type Service } from './support/service.ts'

/** What the store and the gateway do instead of their work; null: their work. */
const faults: { store: (() => unknown) | null; send: ThreadGateway['send'] | null } = { store: null, send: null }
let service: Service
let client: Client
let thread_id = ''
beforeAll(async () => {
  const second = { id: 'second', model: 'none', tools: [], version: '1' }
  service = await startService(({ store, gateway, agents }) => ({
    agents: [...(agents as AgentSummary[]), second],
    store: faulty(store),
    gateway: { ...gateway, send: (ref, command) => (faults.send ?? gateway.send)(ref, command) },
    limits: { command_timeout_ms: 300, stored_wait_ms: 200 },
  }))
  client = createClient(service.url)
  thread_id = (await client.call('POST', '/v1/threads', {})).body.id
})
afterEach(() => {
  faults.store = null
  faults.send = null
})
afterAll(() => service.close())

/** Every call of the store fails as told. */
function faulty(store: Store): Store {
  const wrap = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(of, name) {
        const value = Reflect.get(of, name) as unknown
        if (typeof value === 'object' && value !== null) return wrap(value)
        if (typeof value !== 'function') return value
        return (...input: unknown[]) =>
          faults.store === null ? (value as (...all: unknown[]) => unknown).apply(of, input) : Promise.reject(faults.store())
      },
    })
  return wrap(store)
}
const message = { messages: [{ role: 'user', content: 'x' }] }
const refused = (code: RejectionCode, detail?: { [key: string]: string }): Answer => ({
  ok: false,
  rejection: reject(code, 'What to do next.', detail),
  event_seq: 0,
  replayed: false,
  degraded: false,
})

describe('what is no request', () => {
  const json = { 'content-type': 'application/json' }
  it('is answered with a problem document', async () => {
    expectProblem(await client.raw('GET', '/nowhere', {}), 404, 'not_found')
    expectProblem(await client.raw('POST', '/v1/nowhere', { body: '{', headers: json }), 404, 'not_found')
    expectProblem(await client.raw('GET', '/v1/threads/%zz', {}), 404, 'not_found')
    expectProblem(await client.raw('POST', '/v1/threads', { body: '{"a":', headers: json }), 400, 'malformed_json')
    expectProblem(await client.raw('POST', '/v1/threads', { body: '"text"', headers: json }), 400, 'invalid_request')
    expectProblem(await client.raw('POST', '/v1/threads', { body: '[]', headers: json }), 400, 'invalid_request')
    expectProblem(await client.raw('POST', '/v1/threads', { body: '[', headers: json }), 400, 'malformed_json')
    expectProblem(
      await client.raw('POST', '/v1/threads', { body: '{}', headers: { 'content-type': 'text/plain' } }),
      415,
      'unsupported_media_type',
    )
    expectProblem(await client.raw('POST', '/v1/threads', { headers: {} }), 415, 'unsupported_media_type')
    expectProblem(
      await client.raw('POST', '/v1/threads', { body: '{}', headers: { ...json, 'content-encoding': 'zip' } }),
      415,
      'unsupported_media_type',
    )
    expectProblem(
      await client.raw('POST', '/v1/threads', { body: '{}', headers: { 'content-type': 'application/json; charset=x' } }),
      415,
      'unsupported_media_type',
    )
    const deep = `{"custom":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`
    expectProblem(await client.raw('POST', '/v1/threads', { body: deep, headers: json }), 400, 'invalid_request')
    expectProblem(
      await client.raw('POST', '/v1/threads', { body: `{"title":"${'x'.repeat(4_300_000)}"}`, headers: json }),
      413,
      'body_too_large',
    )
  })

  it('takes JSON of any kind of name, and compressed', async () => {
    const answer = await client.raw('POST', '/v1/threads', {
      body: '{}',
      headers: { 'content-type': 'application/merge-patch+json; charset=utf-8' },
    })
    expect(answer.status).toBe(201)
    const bomb = gzipSync(`{"title":"${'x'.repeat(5_000_000)}"}`)
    const status = await new Promise<number | undefined>((resolve, fail) => {
      const sent = request(
        `${service.url}/v1/threads`,
        { method: 'POST', headers: { ...json, 'content-encoding': 'gzip' } },
        (res) => {
          resolve(res.statusCode)
          res.resume()
        },
      )
      sent.on('error', fail)
      sent.end(bomb)
    })
    expect(status).toBe(413)
  })

  it('names the methods there are', async () => {
    const wrong = await client.raw('DELETE', '/v1/runs', {})
    expectProblem(wrong, 405, 'method_not_allowed')
    expect(wrong.headers.get('allow')).toBe('POST, GET, HEAD, OPTIONS')
    const options = await client.raw('OPTIONS', '/v1/runs', {})
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'POST, GET, HEAD, OPTIONS'])
    expect((await client.raw('HEAD', '/v1/runs', {})).status).toBe(200)
  })
})

describe('refusals of the core', () => {
  it('have the status of their code, and carry their facts', async () => {
    const codes = Object.keys(PROBLEMS) as RejectionCode[]
    for (const code of codes) {
      faults.send = () => Promise.resolve(refused(code, { fact: 'x', status: 'not this' }))
      const answer = await client.call('POST', `/v1/threads/${thread_id}/messages`, message)
      expectProblem(answer, PROBLEMS[code].status, code)
      expect(answer.body).toMatchObject({ detail: 'What to do next.', fact: 'x' })
      expect(answer.headers.get('retry-after')).toBe(
        PROBLEMS[code].retry_after === undefined ? null : String(PROBLEMS[code].retry_after),
      )
    }
    faults.send = () => Promise.resolve(refused('never_heard_of' as RejectionCode))
    expectProblem(await client.call('POST', `/v1/threads/${thread_id}/messages`, message), 400, 'invalid_command')
  })
})

it('refuses another agent on a run that waits', async () => {
  const content = '/tool send_email {"to":"a@b.c","subject":"s","body":"b"}'
  const { body: run } = await client.run(content)
  const answer = await client.run('x', { thread_id: run.thread_id, agent_id: 'second' })
  expectProblem(answer, 409, 'agent_conflict')
  expect(answer.body).toMatchObject({ run_id: run.run_id, agent_id: 'default' })
})

describe('when something is away', () => {
  it('says 503 with Retry-After for the store', async () => {
    faults.store = () => new StoreUnavailable('connection refused to 10.0.0.1')
    for (const [method, path, body] of [
      ['GET', '/v1/threads'],
      ['GET', `/v1/threads/${thread_id}`],
      ['POST', '/v1/threads', {}],
      ['POST', `/v1/threads/${thread_id}/messages`, message],
      ['GET', '/v1/runs/x/stream'],
    ] as [string, string, unknown?][]) {
      const answer = await client.call(method, path, body)
      expectProblem(answer, 503, 'store_unavailable')
      expect(answer.headers.get('retry-after')).toBe('1')
      expect(JSON.stringify(answer.body)).not.toContain('10.0.0.1')
    }
  })

  it('says 503 with Retry-After for the thread, also when no answer comes at all', async () => {
    faults.send = () => Promise.reject(new ThreadUnavailable('deadline of worker-7', { retry_after_ms: 2_500 }))
    const answer = await client.call('POST', `/v1/threads/${thread_id}/messages`, message)
    expectProblem(answer, 503, 'thread_unavailable')
    expect(answer.headers.get('retry-after')).toBe('3')
    expect(JSON.stringify(answer.body)).not.toContain('worker-7')
    faults.send = () => new Promise(() => undefined)
    expectProblem(await client.call('POST', '/v1/runs', { agent_id: 'default', ...message }), 503, 'thread_unavailable')
  })

  it('answers 202 all the same when the store is behind', async () => {
    const outcome = { run_id: 'r', dispatch_id: 'd', status: 'queued', message_ids: ['m'] }
    faults.send = () => Promise.resolve({ ok: true, outcome, event_seq: 1_000, replayed: false, degraded: true })
    const began = Date.now()
    const answer = await client.call('POST', `/v1/threads/${thread_id}/messages`, message)
    expect(expectAnswer(answer, 'POST /v1/threads/:id/messages', 202)).toMatchObject({ run_id: 'r', status: 'queued' })
    expect(Date.now() - began).toBeGreaterThanOrEqual(190)
  })

  it('lets nothing of the inside out, and logs it', async () => {
    service.errors.length = 0
    faults.store = () => new Error('secret table layout')
    const answer = await client.call('GET', `/v1/threads/${thread_id}`)
    expectProblem(answer, 500, 'internal_error')
    expect(JSON.stringify(answer.body)).not.toContain('secret')
    expect(service.errors).toHaveLength(1)
  })
})

describe('GET /health', () => {
  it('tells which component is down', async () => {
    const well = expectAnswer(await client.call('GET', '/health'), 'GET /health', 200)
    expect(well).toMatchObject({
      status: 'ok',
      version: '0.1.0',
      components: { store: { status: 'ok' }, temporal: { status: 'ok' }, worker: { status: 'unknown' } },
    })
    faults.store = () => new StoreUnavailable('away')
    const ill = expectAnswer(await client.call('GET', '/health'), 'GET /health', 503)
    expect(ill).toMatchObject({ status: 'down', components: { store: { status: 'down' }, temporal: { status: 'ok' } } })
    expectAnswer(await client.call('GET', '/health/live'), 'GET /health/live', 200)
  })
})

describe('agents and the contract', () => {
  it('are there to read', async () => {
    const list = expectAnswer(await client.call('GET', '/v1/agents'), 'GET /v1/agents', 200)
    expect(list).toMatchObject({
      total: 2,
      items: [{ id: 'default', tools: expect.arrayContaining(['get_weather']) }, { id: 'second' }],
    })
    expect((await client.call('GET', `/v1/agents?cursor=${list.next_cursor as string}`)).body).toMatchObject({
      items: [],
      has_more: false,
    })
    expectAnswer(await client.call('GET', '/v1/agents/default'), 'GET /v1/agents/:id', 200)
    expectProblem(await client.call('GET', '/v1/agents/nobody'), 404, 'agent_not_found')
    expect((await client.call('GET', '/docs')).body).toContain('/v1/threads/:id/messages')
    expect((await client.call('GET', '/docs/errors')).body).toContain('id="thread_not_found"')
  })
})
