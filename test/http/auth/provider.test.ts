import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { expectProblem, type Client } from '../support/client.ts'
import { bearer, startGuarded, type Guarded } from '../support/guarded.ts'
import { scenes } from '../support/threads.ts'

let provider: Server
let service: Guarded
let key: CryptoKey
let away = false
beforeAll(async () => {
  const pair = await generateKeyPair('ES256')
  key = pair.privateKey
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one' }
  provider = createServer((_req, res) => {
    res.writeHead(away ? 503 : 200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] }))
  })
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve))
  const jwks_url = `http://127.0.0.1:${String((provider.address() as AddressInfo).port)}/`
  const claims = { tenant_claim: 'tenant', tenant: null, role_claim: 'role' }
  const limits = { recheck_ms: 50 }
  service = await startGuarded({ jwt: { jwks_url, issuer: 'i', audience: 'weft', algorithms: ['ES256'], ...claims } }, { limits })
}, 60_000)
afterAll(async () => {
  expect(service.errors).toEqual([])
  await service.close()
  provider.close()
})

async function as(claims: object, expires: string | number = '1m'): Promise<Client> {
  const token = new SignJWT({ ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'one' })
  return service.as(bearer(await token.setIssuer('i').setAudience('weft').setSubject('ada').setExpirationTime(expires).sign(key)))
}

// First of all: once the keys are known, nobody asks for them.
it('while its keys cannot be had: 503, and when to come again', async () => {
  away = true
  const answer = await (await as({ tenant: 'acme', role: 'reader' })).call('GET', '/v1/threads')
  expectProblem(answer, 503, 'authentication_unavailable')
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
  away = false
})

it('its people act under their own names, in their own tenant, and in no other role', async () => {
  const ada = await as({ tenant: 'acme', role: ['user', 'approver'], name: 'Ada' })
  const run = await scenes(ada).waiting()
  const [{ tool_call_id }] = run.waiting.tickets
  const decision = { tool_call_id, action: 'resume', by: { id: 'bob' } }
  const other = await as({ tenant: 'other', role: 'operator' })
  expectProblem(await other.call('POST', `/v1/runs/${run.run_id as string}/decision`, decision), 404, 'run_not_found')
  const reader = await as({ tenant: 'acme', role: 'reader' })
  expectProblem(await reader.call('POST', `/v1/runs/${run.run_id as string}/decision`, decision), 403, 'forbidden')
  expect((await ada.call('POST', `/v1/runs/${run.run_id as string}/decision`, decision)).status).toBe(202)
  await scenes(ada).settled(run.run_id)
  const log = (await reader.call('GET', `/v1/runs/${run.run_id as string}/events?limit=200`)).body.items
  const resolved = log.find(({ kind }: any) => kind === 'ToolPermissionResolved')
  expect(resolved.payload.decided_by).toEqual({ id: 'user:ada', name: 'Ada' })
})

it('without a role or tenant they may do nothing, and with an old token they are nobody', async () => {
  for (const claims of [{ tenant: 'acme' }, { role: 'reader' }, { tenant: 'a/b', role: 'reader' }])
    expectProblem(await (await as(claims)).call('GET', '/v1/threads'), 403, 'forbidden')
  const old = await (await as({ tenant: 'acme', role: 'reader' }, '-1m')).call('GET', '/v1/threads')
  expectProblem(old, 401, 'unauthenticated')
  expect(old.headers.get('www-authenticate')).toContain('invalid_token')
})

it('a stream ends with the token that it was opened with', async () => {
  const ada = await as({ tenant: 'acme', role: 'user' })
  const { run_id } = await scenes(ada).start('/slow 60000 a b')
  const soon = await as({ tenant: 'acme', role: 'reader' }, Math.floor(Date.now() / 1000) + 2)
  const stream = await soon.stream('GET', `/v1/runs/${run_id as string}/stream`)
  expect(stream.response.status).toBe(200)
  await stream.all(15_000)
})
