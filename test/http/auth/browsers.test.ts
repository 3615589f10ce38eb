import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bearer, startGuarded, type Guarded } from '../support/guarded.ts'
import { startService, type Service } from '../support/service.ts'

const PAGE = 'https://app.example.org'
const EVIL = 'https://evil.example'
let guarded: Guarded
let local: Service
beforeAll(async () => {
  guarded = await startGuarded({}, { cors_origins: [PAGE] })
  local = await startService(() => ({ local_only: true, cors_origins: [PAGE] }))
}, 60_000)
afterAll(async () => {
  await guarded.close()
  await local.close()
})

/** `fetch` sets Host and Origin itself; this sends what it is given. */
async function send(url: string, method: string, path: string, headers: Record<string, string>) {
  return await new Promise<{ status: number; headers: NodeJS.Dict<string | string[]> }>((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const asked = request({ hostname, port, method, path, headers }, (answer) => {
      answer.resume().on('end', () => {
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers })
      })
    })
    asked.on('error', reject)
    asked.end()
  })
}
const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' }

describe('a page of an origin that is listed', () => {
  it('may ask before it sends, without a key', async () => {
    const { status, headers } = await send(guarded.url, 'OPTIONS', '/v1/runs', { origin: PAGE, ...preflight })
    expect(status).toBe(204)
    expect(headers).toMatchObject({ 'access-control-allow-origin': PAGE, 'access-control-max-age': '600' })
    expect(headers['access-control-allow-methods']).toContain('POST')
    for (const name of ['Authorization', 'If-Match', 'Idempotency-Key', 'Last-Event-ID'])
      expect(headers['access-control-allow-headers']).toContain(name)
    expect(headers['access-control-allow-credentials']).toBeUndefined()
  })

  it('reads answers and what stands in their heads, refusals too', async () => {
    const { headers } = await guarded.key('user')
    for (const [own, wanted] of [
      [headers, 200],
      [bearer('x'), 401],
    ] as const) {
      // prettier-ignore
      const answer = await send(guarded.url, 'GET', '/v1/threads', { origin: PAGE, ...own })
      expect(answer.status).toBe(wanted)
      expect(answer.headers).toMatchObject({ 'access-control-allow-origin': PAGE })
      expect(answer.headers.vary).toContain('Origin')
      for (const name of ['ETag', 'Location', 'Content-Location', 'Retry-After', 'WWW-Authenticate'])
        expect(answer.headers['access-control-expose-headers']).toContain(name)
    }
  })
})

it('a page of another origin gets no leave, and caches are told', async () => {
  for (const origin of [EVIL, 'null', `${PAGE}.evil.example`, PAGE.replace('https', 'http')]) {
    const asked = await send(guarded.url, 'OPTIONS', '/v1/runs', { origin, ...preflight })
    expect(asked.headers['access-control-allow-origin'], origin).toBeUndefined()
    const { headers } = await guarded.key('user')
    const answer = await send(guarded.url, 'GET', '/v1/threads', { origin, ...headers })
    expect(answer.headers['access-control-allow-origin'], origin).toBeUndefined()
    expect(answer.headers.vary).toContain('Origin')
  }
})

describe('a service that lets anybody of this machine in', () => {
  const host = (): string => new URL(local.url).host

  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1:3000', 'localhost:x'])(
    'does not answer to the name %j',
    async (name) => {
      expect((await send(local.url, 'GET', '/v1/threads', { host: name })).status).toBe(403)
    },
  )
  it.each(['localhost', 'LOCALHOST:1', '127.0.0.1', '[::1]:3000'])('answers to %s', async (name) => {
    expect((await send(local.url, 'GET', '/v1/threads', { host: name })).status).toBe(200)
  })

  it('takes no change from a page of elsewhere', async () => {
    const path = '/v1/threads/t/interrupt'
    for (const origin of [EVIL, 'null', 'http://localhost:5173'])
      expect((await send(local.url, 'POST', path, { host: host(), origin })).status, origin).toBe(403)
    for (const origin of [PAGE, local.url])
      expect((await send(local.url, 'POST', path, { host: host(), origin })).status).toBe(404)
  })
})
