import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isTenant, ROLES, type Role } from '../../../src/auth/roles.ts'
import { openApiDocument } from '../../../src/http/openapi.ts'
import { roleFor, ROUTE_ROLES, routeName, takesStreamToken } from '../../../src/http/roles.ts'
import type { Route } from '../../../src/http/route.ts'
import { allRoutes } from '../../../src/http/routes/index.ts'
import { expectProblem, type Answered } from '../support/client.ts'
import { bearer, madeUpKey, startGuarded, type Guarded } from '../support/guarded.ts'
import { addressOf, BODIES, idsIn, makeSamples, type Samples } from '../support/samples.ts'

/** Every route, made by the router itself, against everybody who may not use it. */
const routes = allRoutes().map((route) => ({ name: routeName(route), route, role: roleFor(route) }))
const guarded = routes.flatMap((each) => (each.role === 'public' ? [] : [{ ...each, role: each.role }]))

/** Addresses where another tenant's id is as good as a new one: what is made then is their own. */
const MAKES_ITS_OWN = new Set(['POST /v1/runs', 'POST /v1/threads/:id/mailbox'])
/** Addresses of things that belong to nobody. */
const SHARED = new Set(['GET /v1/agents/:id'])

let service: Guarded
let samples: Samples
let before: unknown
let keys: Record<
  Role | 'expired' | 'other' | 'maker' | 'victim',
  { text: string; key_id: string; headers: Record<string, string> }
>
beforeAll(async () => {
  service = await startGuarded()
  keys = {
    reader: await service.key('reader'),
    user: await service.key('user'),
    approver: await service.key('approver'),
    operator: await service.key('operator'),
    expired: await service.key('operator', { expires_at: Date.now() - 1 }),
    other: await service.key('operator', { tenant: 'other' }),
    maker: await service.key('operator', { tenant: 'maker' }),
    victim: await service.key('reader'),
  }
  samples = await makeSamples(service.as(keys.operator.headers), keys.victim.key_id)
  before = await look()
}, 60_000)
afterAll(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

/** Asks for a route as this caller, about these things, and lets go of a stream as soon as its head has come. */
async function ask(route: Route, headers: Record<string, string> = {}, of = samples, query = ''): Promise<Answered> {
  const body = BODIES[routeName(route)]?.(of) ?? (route.body === undefined ? undefined : {})
  const enough = new AbortController()
  const response = await fetch(service.url + addressOf(route.path, of) + query, {
    method: route.method.toUpperCase(),
    headers: {
      accept: 'application/json, */*;q=0.5',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: enough.signal,
  })
  const type = response.headers.get('content-type') ?? ''
  const text = type.startsWith('text/event-stream') ? '' : await response.text()
  enough.abort()
  return { status: response.status, headers: response.headers, body: /\bjson/.test(type) ? JSON.parse(text) : text }
}

/** What must be as it was after everybody has tried. */
async function look(): Promise<unknown> {
  const facts = [samples.thread, samples.queue].map(async (id) => {
    const { body } = await service.as(keys.reader.headers).call('GET', `/v1/threads/${id}`)
    return [body.last_event_seq, body.queue_revision]
  })
  return [await Promise.all(facts), (await service.store.keys.find(samples.key))?.revoked_at]
}

async function tokenFor(thread_id = samples.thread): Promise<string> {
  const made = await service.as(keys.reader.headers).call('POST', `/v1/threads/${thread_id}/stream-tokens`)
  expect(made.status).toBe(201)
  return `?access_token=${made.body.access_token}`
}

describe('the table of roles', () => {
  it('has every route of the router, and no other', () => {
    expect(Object.keys(ROUTE_ROLES).sort()).toEqual(routes.map(({ name }) => name).sort())
  })

  it('and the OpenAPI document have the same routes, and the document says who may', () => {
    const { paths }: any = openApiDocument(allRoutes(), '1')
    const documented = Object.entries<any>(paths).flatMap(([path, item]) =>
      Object.entries<any>(item).map(([method, operation]) => {
        const name = `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`
        expect(operation['x-role'], name).toBe(ROUTE_ROLES[name])
        expect(operation.security.length > 0, name).toBe(operation['x-role'] !== 'public')
        expect('401' in operation.responses, name).toBe(operation['x-role'] !== 'public')
        return name
      }),
    )
    expect(documented.sort()).toEqual(routes.map(({ name }) => name).sort())
  })

  it('lets only what changes nothing be read by a reader', () => {
    const changes = guarded.filter(({ route, role }) => route.method !== 'get' && role === 'reader').map(({ name }) => name)
    expect(changes).toEqual(['POST /v1/threads/:id/stream-tokens'])
    expect(isTenant('a/b')).toBe(false)
  })
})

describe.each(guarded)('$name', ({ name, route, role }) => {
  it('without a key, with a made-up one, with one that has expired: 401', async () => {
    for (const headers of [
      {},
      bearer(madeUpKey()),
      { 'x-api-key': madeUpKey() },
      keys.expired.headers,
      { authorization: 'Basic YTpi' },
    ]) {
      const answer = await ask(route, headers as Record<string, string>)
      expectProblem(answer, 401, 'unauthenticated')
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer /)
    }
  })

  it('in a role that may less, or with a token of another thread: 403', async () => {
    const below = ROLES[ROLES.indexOf(role) - 1]
    if (below !== undefined) {
      const answer = await ask(route, keys[below].headers)
      expectProblem(answer, 403, 'forbidden')
      expect(answer.body).toMatchObject({ role: below, needs: role })
    }
    const elsewhere = await service.as(keys.user.headers).call('POST', '/v1/threads', {})
    expectProblem(await ask(route, {}, samples, await tokenFor(elsewhere.body.id)), 403, 'forbidden')
  })

  it('of another tenant: not there', async () => {
    const answer = await ask(route, keys[MAKES_ITS_OWN.has(name) ? 'maker' : 'other'].headers)
    if (route.path.includes(':') && !SHARED.has(name) && !MAKES_ITS_OWN.has(name)) {
      expect(answer).toMatchObject({ status: 404, body: { code: expect.stringMatching(/not_found$/) } })
    } else {
      expect(answer.status).toBeLessThan(300)
      const { queue_revision: _revision, ...named } = samples
      const theirs = MAKES_ITS_OWN.has(name) ? [samples.run, samples.dispatch] : Object.values(named)
      for (const id of theirs) expect(JSON.stringify(answer.body)).not.toContain(id)
    }
  })

  it('has changed nothing by all that', async () => {
    expect(await look()).toEqual(before)
  })

  it('in the role that it needs: done', async () => {
    const victim = await service.key('reader')
    const own = route.method === 'get' ? samples : await makeSamples(service.as(keys.operator.headers), victim.key_id)
    const answer = await ask(route, { 'x-api-key': keys[role].text }, own)
    // A dispatch that has not failed cannot be queued again, whoever asks, nor can such a delivery be tried again.
    if (name === 'POST /v1/dispatches/:id/requeue') expectProblem(answer, 409, 'not_dead_letter')
    else if (name.endsWith('/retry')) expectProblem(answer, 409, 'delivery_not_failed')
    else expect(answer).toMatchObject({ status: expect.toSatisfy((status: number) => status < 300) })
  })

  it(`takes a token of its thread: ${takesStreamToken(route) ? 'yes' : 'no'}`, async () => {
    const thread = route.path.startsWith('/v1/threads/:id/') ? idsIn(route.path, samples)['id'] : samples.thread
    const answer = await ask(route, {}, samples, await tokenFor(thread))
    if (takesStreamToken(route)) expect(answer.status).toBe(200)
    else expectProblem(answer, 403, 'forbidden')
  })
})

describe.each(routes.filter(({ role }) => role === 'public'))('$name', ({ route }) => {
  it('is for everybody, and tells nothing of anybody', async () => {
    const answer = await ask(route)
    expect(answer.status).toBe(200)
    for (const id of [samples.thread, samples.run, samples.queue, samples.key])
      expect(JSON.stringify(answer.body)).not.toContain(id)
  })
})

it('what is not there is 404 for everybody, and a method that is not there 405', async () => {
  expectProblem(await service.as({}).call('GET', '/v1/nothing'), 404, 'not_found')
  expectProblem(await service.as({}).call('DELETE', '/v1/runs'), 405, 'method_not_allowed')
})

it('who calls is asked before what they say is looked at', async () => {
  for (const body of ['{', 'x'.repeat(5_000_000)])
    expectProblem(
      await service.as({}).raw('POST', '/v1/threads', { body, headers: { 'content-type': 'text/plain' } }),
      401,
      'unauthenticated',
    )
})
