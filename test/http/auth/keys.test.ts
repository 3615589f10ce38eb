import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient, expectProblem, type Client } from '../support/client.ts'
import { expectAnswer } from '../support/contract.ts'
import { bearer, startGuarded, type Guarded } from '../support/guarded.ts'
import { startService } from '../support/service.ts'

const ADMIN = 'the-key-of-the-environment-with-32-characters'
let service: Guarded
let admin: Client
beforeAll(async () => {
  service = await startGuarded({ admin_key: ADMIN, key_ttl_ms: 60_000 })
  admin = service.as(bearer(ADMIN))
}, 60_000)
afterAll(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

const make = async (client: Client, body: object): Promise<any> =>
  expectAnswer(await client.call('POST', '/v1/keys', body), 'POST /v1/keys', 201)

describe('keys', () => {
  it('are shown once, listed without their secret, and work at once', async () => {
    const made = await make(admin, { name: 'ci', role: 'user' })
    expect(made).toMatchObject({ name: 'ci', role: 'user', tenant: 'default', created_by: 'admin', expires_at: null })
    expect(made.key).toMatch(new RegExp(`^weft_${made.id}_`))
    const list = expectAnswer(await admin.call('GET', '/v1/keys'), 'GET /v1/keys', 200)
    expect(list.items.map(({ id }: any) => id)).toContain(made.id)
    expect(JSON.stringify(list)).not.toContain(made.key.slice(-43))
    expect((await service.as(bearer(made.key)).call('GET', '/v1/threads')).status).toBe(200)
    expect((await service.as({ 'x-api-key': made.key }).call('GET', '/v1/threads')).status).toBe(200)
    expect(JSON.stringify(await service.store.keys.find(made.id))).not.toContain(made.key.slice(-43))
  })

  it('are revoked at once in this process, and stay as they were revoked first', async () => {
    const made = await make(admin, { name: 'gone', role: 'user' })
    const client = service.as(bearer(made.key))
    expect((await client.call('GET', '/v1/threads')).status).toBe(200)
    const revoked = expectAnswer(await admin.call('DELETE', `/v1/keys/${made.id}`), 'DELETE /v1/keys/:id', 200)
    expect(revoked).toMatchObject({ id: made.id, revoked_by: 'admin' })
    expectProblem(await client.call('GET', '/v1/threads'), 401, 'unauthenticated')
    expect((await admin.call('DELETE', `/v1/keys/${made.id}`)).body).toEqual(revoked)
    expectProblem(await admin.call('DELETE', `/v1/keys/${'a'.repeat(16)}`), 404, 'key_not_found')
    expectProblem(await admin.call('DELETE', '/v1/keys/x'), 404, 'key_not_found')
  })

  it('of other tenants are made by who runs the installation, and by nobody else', async () => {
    const acme = await make(admin, { name: 'acme', role: 'operator', tenant: 'acme' })
    const operator = service.as(bearer(acme.key))
    expect(await make(operator, { name: 'own', role: 'user' })).toMatchObject({ tenant: 'acme', created_by: `key:${acme.id}` })
    expectProblem(await operator.call('POST', '/v1/keys', { name: 'x', role: 'user', tenant: 'default' }), 403, 'forbidden')
    expectProblem(await operator.call('GET', '/v1/keys?tenant=default'), 403, 'forbidden')
    const seen = (await operator.call('GET', '/v1/keys')).body.items.map(({ tenant }: any) => tenant)
    expect(new Set(seen)).toEqual(new Set(['acme']))
    expect((await admin.call('GET', '/v1/keys?tenant=acme')).body.items).toHaveLength(2)
  })

  it.each([
    [{ name: '', role: 'user' }, 'name'],
    [{ name: 'x', role: 'root' }, 'role'],
    [{ name: 'x', role: 'user', tenant: 'a/b' }, 'tenant'],
    [{ name: 'x', role: 'user', expires_at: '2020-01-01T00:00:00.000Z' }, 'expires_at'],
  ])('%j is refused', async (body, word) => {
    const answer = await admin.call('POST', '/v1/keys', body)
    expectProblem(answer, 400, 'invalid_request')
    expect(answer.body.detail).toContain(word)
  })
})

describe('the first key', () => {
  it('is made by anybody, is an operator’s, and closes the door behind it', async () => {
    const open = await startService()
    try {
      const anybody = createClient(open.url)
      expect((await anybody.call('GET', '/v1/threads')).status).toBe(200)
      expect((await anybody.call('GET', '/docs')).body).toContain('Version')
      for (const wrong of [
        { role: 'user' },
        { role: 'operator', tenant: 'x' },
        { role: 'operator', expires_at: '2999-01-01T00:00:00Z' },
      ])
        expectProblem(await anybody.call('POST', '/v1/keys', { name: 'me', ...wrong }), 400, 'invalid_request')
      const first = await make(anybody, { name: 'me', role: 'operator' })
      expectProblem(await anybody.call('GET', '/v1/threads'), 401, 'unauthenticated')
      expectProblem(await anybody.call('POST', '/v1/keys', { name: 'me too', role: 'operator' }), 401, 'unauthenticated')
      const headers = bearer(first.key)
      expect((await anybody.call('DELETE', `/v1/keys/${first.id}`, undefined, headers)).status).toBe(200)
      expectProblem(await anybody.call('GET', '/v1/threads'), 401, 'unauthenticated')
    } finally {
      await open.close()
    }
  }, 30_000)
})
