import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { newApiKey } from '../../src/auth/api-key.ts'
import { createAuthenticator, type Authenticator } from '../../src/auth/authenticator.ts'
import { createStore } from '../../src/store/index.ts'
import { StoreUnavailable, type Store } from '../../src/store/store.ts'
import { bring, makeKey } from './support.ts'
import { cache_dir } from '../support/cache.ts'

let store: Store
beforeAll(async () => {
  store = await createStore({ cache_dir, timeout_ms: 5_000 })
  await store.migrate()
}, 60_000)
afterEach(() => {
  vi.restoreAllMocks()
})
afterAll(() => store.close())

const ADMIN = 'an-admin-key-of-more-than-32-characters'
const INVALID = { name: 'NotAuthenticated', reason: 'invalid' }

// In this order: the store starts without a key, and keys do not go away.
describe('without keys', () => {
  it('they are asked for all the same where the settings say so', async () => {
    const auth = createAuthenticator(store.keys, 'default', { required: true })
    await expect(auth.authenticate(bring(null))).rejects.toMatchObject({ reason: 'missing' })
  })

  it('a store that goes away leaves what was known, and one that was never there opens nothing', async () => {
    const away = { ...store.keys, any: () => Promise.reject(new StoreUnavailable('away')) }
    const never = createAuthenticator(away, 'default')
    await expect(never.authenticate(bring(null))).rejects.toThrow(StoreUnavailable)
    let there = true
    const any = () => (there ? store.keys.any() : away.any())
    const auth = createAuthenticator({ ...store.keys, any }, 'default', { key_ttl_ms: 0 })
    await auth.authenticate(bring(null))
    there = false
    expect(await auth.authenticate(bring(null))).toMatchObject({ kind: 'none' })
    // Nor does one that hangs hold anybody up.
    const hung = createAuthenticator(
      { ...store.keys, any: () => (there ? store.keys.any() : new Promise(() => undefined)) },
      'default',
      { key_ttl_ms: 0 },
    )
    there = true
    await hung.authenticate(bring(null))
    there = false
    const began = performance.now()
    expect(await hung.authenticate(bring(null))).toMatchObject({ kind: 'none' })
    expect(performance.now() - began).toBeLessThan(1_000)
  })

  it('everybody may do everything, until there is a key', async () => {
    const auth = createAuthenticator(store.keys, 'default', { key_ttl_ms: 0 })
    expect(await auth.authenticate(bring(null))).toMatchObject({ kind: 'none', role: 'operator', tenant: 'default' })
    const somebody = await auth.authenticate(bring('sk-whatever'))
    expect(await auth.stillHolds(somebody)).toBe(true)
    await makeKey(store, 'operator')
    await expect(auth.authenticate(bring(null))).rejects.toMatchObject({ name: 'NotAuthenticated', reason: 'missing' })
    expect(await auth.stillHolds(somebody)).toBe(false)
  })

  it('the last key that is revoked does not open the service again', async () => {
    const { key_id } = await makeKey(store, 'operator')
    await store.keys.revoke(null, key_id, { at: Date.now(), by: 'test' })
    const auth = createAuthenticator(store.keys, 'default')
    await expect(auth.authenticate(bring(null))).rejects.toMatchObject({ reason: 'missing' })
  })
})

describe('a key', () => {
  it('says who calls, for which tenant and with which role', async () => {
    const { text, key_id } = await makeKey(store, 'approver', { tenant: 'acme', name: 'desk' })
    const auth = createAuthenticator(store.keys, 'default')
    const principal = await auth.authenticate(bring(text))
    expect(principal).toEqual({
      kind: 'key',
      id: `key:${key_id}`,
      name: 'desk',
      tenant: 'acme',
      role: 'approver',
      expires_at: null,
      thread_id: null,
    })
  })

  it('that is made up, changed, expired or revoked opens nothing', async () => {
    const auth = createAuthenticator(store.keys, 'default', { key_ttl_ms: 0 })
    const { text, key_id } = await makeKey(store, 'user')
    const expired = await makeKey(store, 'user', { expires_at: Date.now() })
    const changed = text.slice(0, -1) + (text.endsWith('A') ? 'B' : 'A')
    for (const wrong of [newApiKey().text, changed, expired.text, '', 'x', `${text} `])
      await expect(auth.authenticate(bring(wrong)), wrong).rejects.toMatchObject(INVALID)
    const principal = await auth.authenticate(bring(text))
    await store.keys.revoke('default', key_id, { at: Date.now(), by: 'test' })
    await expect(auth.authenticate(bring(text))).rejects.toMatchObject(INVALID)
    expect(await auth.stillHolds(principal)).toBe(false)
  })

  it('expires on time, whatever is remembered of it', async () => {
    const auth = createAuthenticator(store.keys, 'default', { key_ttl_ms: 60_000 })
    const { text } = await makeKey(store, 'user', { expires_at: Date.now() + 300 })
    await auth.authenticate(bring(text))
    await expect
      .poll(
        () =>
          auth.authenticate(bring(text)).then(
            () => 'good',
            () => 'gone',
          ),
        { timeout: 2_000 },
      ) // prettier-ignore
      .toBe('gone')
  })

  it('costs no round trip until its time is up, and one for many that come at once', async () => {
    const find = vi.spyOn(store.keys, 'find')
    const any = vi.spyOn(store.keys, 'any')
    const auth = createAuthenticator(store.keys, 'default', { key_ttl_ms: 200 })
    const { text, key_id } = await makeKey(store, 'user')
    await Promise.all(Array.from({ length: 20 }, () => auth.authenticate(bring(text))))
    for (let i = 0; i < 20; i += 1) await auth.authenticate(bring(text))
    expect([find.mock.calls.length, any.mock.calls.length]).toEqual([1, 1])
    await store.keys.revoke(null, key_id, { at: Date.now(), by: 'another process' })
    await expect
      .poll(
        () =>
          auth.authenticate(bring(text)).then(
            () => 'good',
            () => 'gone',
          ),
        { timeout: 2_000 },
      ) // prettier-ignore
      .toBe('gone')
    expect(find.mock.calls.length).toBe(2)
  })

  it('that is revoked in this process is gone at once', async () => {
    const auth = createAuthenticator(store.keys, 'default', { key_ttl_ms: 60_000 })
    const { text, key_id } = await makeKey(store, 'user')
    await auth.authenticate(bring(text))
    await store.keys.revoke(null, key_id, { at: Date.now(), by: 'test' })
    auth.keyChanged(key_id)
    await expect(auth.authenticate(bring(text))).rejects.toMatchObject(INVALID)
  })

  it('is noted as used, now and then', async () => {
    const touch = vi.spyOn(store.keys, 'touch')
    const auth = createAuthenticator(store.keys, 'default')
    const { text, key_id } = await makeKey(store, 'user')
    for (let i = 0; i < 5; i += 1) await auth.authenticate(bring(text))
    expect(touch).toHaveBeenCalledTimes(1)
    await expect.poll(async () => (await store.keys.find(key_id))?.last_used_at).toBeGreaterThan(Date.now() - 10_000)
  })

  it('that is made up is told to come later once there were many, and keys that are good are not in the way', async () => {
    const auth = createAuthenticator(store.keys, 'default', { key_ttl_ms: 0 })
    const [known, unknown] = [await makeKey(store, 'user'), await makeKey(store, 'user')]
    await auth.authenticate(bring(known.text))
    const reasons: string[] = []
    for (let i = 0; i < 301; i += 1) reasons.push(await reasonFor(auth, newApiKey().text))
    expect(reasons.slice(0, 300)).toEqual(Array.from({ length: 300 }, () => 'invalid'))
    expect(reasons[300]).toBe('too_many')
    expect(await auth.authenticate(bring(known.text))).toMatchObject({ kind: 'key' })
    // Nor is one that this process has never seen, from the very same address.
    expect(await auth.authenticate(bring(unknown.text))).toMatchObject({ kind: 'key', id: `key:${unknown.key_id}` })
    expect(await reasonFor(auth, newApiKey().text, '10.0.0.9')).toBe('invalid')
  })

  it('of an address with many that are made up waits its turn, few at a time, and other addresses do not', async () => {
    let at_once = 0
    let most = 0
    let slow = false
    const find: typeof store.keys.find = async (key_id) => {
      most = Math.max(most, (at_once += 1))
      if (slow) await new Promise((resolve) => setTimeout(resolve, 5))
      return await store.keys.find(key_id).finally(() => (at_once -= 1))
    }
    const auth = createAuthenticator({ ...store.keys, find }, 'default', { required: true, key_ttl_ms: 0 })
    for (let i = 0; i < 300; i += 1) await reasonFor(auth, newApiKey().text)
    const [here, elsewhere] = [await makeKey(store, 'user'), await makeKey(store, 'user')]
    most = 0
    slow = true
    let refused = 0
    const flood = Array.from({ length: 200 }, () => reasonFor(auth, newApiKey().text).then(() => (refused += 1)))
    const good = auth.authenticate(bring(here.text))
    expect(await auth.authenticate(bring(elsewhere.text, null, '10.0.0.9'))).toMatchObject({ kind: 'key' })
    expect(refused).toBeLessThan(100)
    expect(await good).toMatchObject({ kind: 'key', id: `key:${here.key_id}` })
    await Promise.all(flood)
    expect(most).toBeLessThanOrEqual(3)
  })

  it('that is made up is looked up once, however often it comes', async () => {
    const find = vi.spyOn(store.keys, 'find')
    const auth = createAuthenticator(store.keys, 'default', { key_ttl_ms: 60_000 })
    const wrong = newApiKey()
    for (let i = 0; i < 20; i += 1) expect(await reasonFor(auth, wrong.text)).toBe('invalid')
    expect(find).toHaveBeenCalledTimes(1)
    // Made in this process after all: it counts at once.
    const { key_id, hash, text } = wrong
    await makeKey(store, 'user', { key_id, hash })
    auth.keyChanged(key_id)
    expect(await auth.authenticate(bring(text))).toMatchObject({ kind: 'key' })
  })
})

describe('the key of the environment', () => {
  it('is an operator of the first tenant, and nothing like it is', async () => {
    const auth = createAuthenticator(store.keys, 'default', { admin_key: ADMIN })
    expect(await auth.authenticate(bring(ADMIN))).toMatchObject({ kind: 'admin', role: 'operator', tenant: 'default' })
    for (const wrong of [null, ADMIN.slice(1), `${ADMIN} `]) await expect(auth.authenticate(bring(wrong))).rejects.toThrow('key')
  })
})

describe("a thread's token", () => {
  it('reads that thread and ends in time, whichever process made it', async () => {
    const [one, two] = [1, 2].map(() => createAuthenticator(store.keys, 'default', { required: true, key_ttl_ms: 0 }))
    const { text } = await makeKey(store, 'user', { tenant: 'acme' })
    const issuer = await one?.authenticate(bring(text))
    if (issuer === undefined) throw new Error('no issuer')
    const { token, expires_at } = (await one?.streamTokens.issue(issuer, 't1', 60_000)) ?? { token: '', expires_at: 0 }
    expect(expires_at).toBeLessThanOrEqual(Date.now() + 60_000)
    const reader = await two?.authenticate(bring(null, token))
    expect(reader).toEqual({ ...issuer, kind: 'stream', name: null, role: 'reader', thread_id: 't1', expires_at })
    const past = (await one?.streamTokens.issue(issuer, 't1', -1_000))?.token ?? ''
    const [head, body, mac] = token.split('.')
    const other = Buffer.from(JSON.stringify({ ...decoded(body), thread_id: 't2' })).toString('base64url')
    for (const wrong of [past, `${head}.${other}.${mac}`, `${token}x`, 'x', ''])
      await expect(two?.authenticate(bring(null, wrong)), wrong).rejects.toMatchObject(INVALID)
    // It is no key: it opens nothing as a header.
    await expect(two?.authenticate(bring(token))).rejects.toMatchObject(INVALID)
  })

  it('ends with the key of the environment that it was made with, and not with a restart', async () => {
    const started = (admin_key: string) => createAuthenticator(store.keys, 'default', { admin_key })
    const before = started(ADMIN)
    const { token } = await before.streamTokens.issue(await before.authenticate(bring(ADMIN)), 't1', 60_000)
    expect(await started(ADMIN).authenticate(bring(null, token))).toMatchObject({ kind: 'stream', id: 'admin', thread_id: 't1' })
    await expect(started(`another-${ADMIN}`).authenticate(bring(null, token))).rejects.toMatchObject(INVALID)
    const without = createAuthenticator(store.keys, 'default', { required: true })
    await expect(without.authenticate(bring(null, token))).rejects.toMatchObject(INVALID)
  })

  it('ends with the key that it was made with', async () => {
    const auth = createAuthenticator(store.keys, 'default', { key_ttl_ms: 0 })
    const soon = Date.now() + 30_000
    const { text, key_id } = await makeKey(store, 'user', { expires_at: soon })
    const { token, expires_at } = await auth.streamTokens.issue(await auth.authenticate(bring(text)), 't1', 60_000)
    expect(expires_at).toBeLessThanOrEqual(soon)
    expect(await auth.authenticate(bring(null, token))).toMatchObject({ kind: 'stream' })
    await store.keys.revoke(null, key_id, { at: Date.now(), by: 'test' })
    await expect(auth.authenticate(bring(null, token))).rejects.toMatchObject(INVALID)
  })
})

function decoded(part = ''): object {
  return JSON.parse(Buffer.from(part, 'base64url').toString()) as object
}

function reasonFor(auth: Authenticator, text: string, address?: string): Promise<string> {
  const tried = auth.authenticate(bring(text, null, address))
  return tried.then(() => 'good', (error: { reason: string }) => error.reason) // prettier-ignore
}
