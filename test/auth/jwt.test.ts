import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createJwtVerifier, type JwtSettings } from '../../src/auth/jwt.ts'

/** An identity provider: a real server with its public keys, which counts how often it is asked. */
let server: Server
let settings: JwtSettings
let asked = 0
let answer: () => { status: number; body: object }
let keys: { rsa: CryptoKey; other: CryptoKey; ec: CryptoKey }

beforeAll(async () => {
  const [rsa, other, ec] = await Promise.all([generateKeyPair('RS256'), generateKeyPair('RS256'), generateKeyPair('ES256')])
  keys = { rsa: rsa.privateKey, other: other.privateKey, ec: ec.privateKey }
  const jwks = {
    keys: [
      { ...(await exportJWK(rsa.publicKey)), kid: 'rsa' },
      { ...(await exportJWK(ec.publicKey)), kid: 'ec' },
    ],
  }
  answer = () => ({ status: 200, body: jwks })
  server = createServer((_req, res) => {
    asked += 1
    const { status, body } = answer()
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  settings = {
    jwks_url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/jwks`,
    issuer: 'https://issuer.example',
    audience: 'weft',
    algorithms: ['RS256'],
    tenant_claim: 'org.id',
    tenant: null,
    role_claim: 'https://weft.example/role',
  }
})
afterAll(() => server.close())
beforeEach(() => {
  asked = 0
})

type Change = { claims?: object; key?: CryptoKey | Uint8Array; header?: object; issuer?: string; audience?: string; expires?: string | null; subject?: string | null } // prettier-ignore
async function token(change: Change = {}): Promise<string> {
  const { claims, key = keys.rsa, header, issuer = settings.issuer, audience = 'weft', expires = '1m', subject = 'ada' } = change
  const jwt = new SignJWT({ org: { id: 'acme' }, 'https://weft.example/role': 'user', ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'rsa', ...header })
    .setIssuer(issuer)
    .setAudience(audience)
  if (expires !== null) jwt.setExpirationTime(expires)
  if (subject !== null) jwt.setSubject(subject)
  return await jwt.sign(key)
}
const INVALID = { name: 'NotAuthenticated', reason: 'invalid' }

describe("an identity provider's token", () => {
  it('says who calls, for which tenant and with which role', async () => {
    const verify = createJwtVerifier(settings)
    const { expires_at, ...principal } = await verify(await token({ claims: { name: 'Ada' } }))
    expect(principal).toEqual({ kind: 'jwt', id: 'user:ada', name: 'Ada', tenant: 'acme', role: 'user', thread_id: null })
    expect(expires_at).toBeGreaterThan(Date.now())
  })

  it('its keys are fetched once for many tokens', async () => {
    const verify = createJwtVerifier(settings)
    await Promise.all(Array.from({ length: 10 }, async () => await verify(await token())))
    for (let i = 0; i < 10; i += 1) await verify(await token())
    expect(asked).toBe(1)
    // Nor do made-up key ids make it ask and ask.
    for (let i = 0; i < 10; i += 1)
      await expect(verify(await token({ header: { kid: `k${String(i)}` } }))).rejects.toMatchObject(INVALID)
    expect(asked).toBe(1)
  })

  it.each<[string, () => Promise<string>]>([
    ['of another issuer', () => token({ issuer: 'https://evil.example' })],
    ['for another audience', () => token({ audience: 'something-else' })],
    ['that has expired', () => token({ expires: '-1m' })],
    ['that never expires', () => token({ expires: null })],
    ['of nobody', () => token({ subject: null })],
    ['signed with another key', () => token({ key: keys.other })],
    ['signed in a way that is not allowed', () => token({ key: keys.ec, header: { alg: 'ES256', kid: 'ec' } })],
    ['signed with a shared secret', () => token({ key: new Uint8Array(32), header: { alg: 'HS256' } })],
    ['not signed at all', () => Promise.resolve(new UnsecuredJWT({ sub: 'ada' }).setIssuer(settings.issuer).setAudience('weft').setExpirationTime('1m').encode())], // prettier-ignore
    ['that is none', () => Promise.resolve('a.b.c')],
  ])('%s is refused', async (_, make) => {
    await expect(createJwtVerifier(settings)(await make())).rejects.toMatchObject(INVALID)
  })

  it.each([
    ['no role', { 'https://weft.example/role': 'root' }, 'role'],
    ['no tenant', { org: {} }, 'tenant'],
    ['a tenant that cannot be one', { org: { id: 'a/b' } }, 'tenant'],
  ])('%s: it is known who calls, but not with which rights', async (_, claims, word) => {
    const error: unknown = await createJwtVerifier(settings)(await token({ claims })).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ name: 'NotEntitled', message: expect.stringContaining(word) })
  })

  it('may have a list of roles, of which the highest counts, and one tenant may serve all', async () => {
    const verify = createJwtVerifier({ ...settings, tenant: 'only', role_claim: 'groups' })
    expect(await verify(await token({ claims: { groups: ['x', 'reader', 'approver', 'user'] } }))).toMatchObject({
      tenant: 'only',
      role: 'approver',
    })
  })

  it('cannot be judged while the keys cannot be had', async () => {
    const before = answer
    answer = () => ({ status: 500, body: {} })
    const verify = createJwtVerifier(settings)
    await expect(verify(await token())).rejects.toMatchObject({ name: 'NotAuthenticated', reason: 'unavailable' })
    answer = before
    const nowhere = createJwtVerifier({ ...settings, jwks_url: 'http://127.0.0.1:1/jwks' })
    await expect(nowhere(await token())).rejects.toMatchObject({ reason: 'unavailable' })
  })
})
