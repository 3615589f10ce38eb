import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isLoopback, readConfig } from '../src/config.ts'
import { ROOT } from './support/sources.ts'

const refusal = (env: Record<string, string>): string => {
  try {
    readConfig(env)
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('It was accepted.')
}

const JWT = { WEFT_JWT_JWKS_URL: 'https://i/jwks', WEFT_JWT_ISSUER: 'https://i', WEFT_JWT_AUDIENCE: 'weft' }

test('nothing needs to be set', () => {
  expect(readConfig({}, '/somewhere')).toMatchObject({
    role: 'all',
    host: '127.0.0.1',
    port: 3000,
    agentConfig: { path: resolve('/somewhere/weft.config.ts'), explicit: false },
    dataDir: resolve('/somewhere/.weft'),
    databaseUrl: null,
    temporal: { address: null, namespace: 'default', apiKey: null, tls: null, embedded: { port: 7233, uiPort: 8233 } },
    logLevel: 'info',
    providers: { openai: { apiKey: null, baseUrl: null, model: null }, anthropic: { apiKey: null } },
    idleCloseMs: 600_000,
    leaveMs: 0,
    drainMs: 2_000,
    version: null,
    continueAsNewEvery: 0,
    commandTimeoutMs: 5_000,
    storeTimeoutMs: 900,
    webhooks: { networks: [], retry: { first_ms: 5_000, give_up_ms: 86_400_000 } },
  })
})

test('an empty variable counts as not set, and spaces around a value do not count', () => {
  expect(readConfig({ PORT: '', DATABASE_URL: '  ', WEFT_ROLE: ' all ', OPENAI_API_KEY: '' })).toEqual(readConfig({}))
})

test.each([
  ['PORT', 'http', 'PORT must be a whole number from 0 to 65535, but it is "http".'],
  ['PORT', '65536', 'PORT must be a whole number from 0 to 65535, but it is "65536".'],
  ['WEFT_TEMPORAL_PORT', '-1', 'WEFT_TEMPORAL_PORT must be a whole number from 0 to 65535, but it is "-1".'],
  ['WEFT_IDLE_CLOSE_MS', '0', 'WEFT_IDLE_CLOSE_MS must be a whole number from 1 to 2147483647, but it is "0".'],
  ['WEFT_ROLE', 'both', 'WEFT_ROLE must be one of all, api, worker, but it is "both".'],
  ['WEFT_INSECURE_BIND', 'maybe', 'WEFT_INSECURE_BIND must be true or false, but it is "maybe".'],
  [
    'TEMPORAL_ADDRESS',
    'https://x:7233',
    'TEMPORAL_ADDRESS must be host:port, for example 127.0.0.1:7233, but it is "https://x:7233".',
  ],
  [
    'WEFT_WEBHOOK_NETWORKS',
    '10.0.0.0/33',
    'WEFT_WEBHOOK_NETWORKS must be IP addresses or networks with commas between, for example 10.0.0.0/8, but it is "10.0.0.0/33".',
  ],
  ['OPENAI_BASE_URL', 'localhost', 'OPENAI_BASE_URL must be an address that starts with http:// or https://.'],
])('%s=%s is refused in one sentence', (name, value, sentence) => {
  expect(refusal({ [name]: value })).toBe(sentence)
})

test('every mistake is told at once, and no password with it', () => {
  const message = refusal({ PORT: 'x', DATABASE_URL: 'mysql://root:secret@db/weft' })
  expect(message.split('\n')).toHaveLength(2)
  expect(message).not.toContain('secret')
})

describe('what does not go together', () => {
  test.each(['api', 'worker'])('%s alone needs servers that others can reach too', (role) => {
    expect(refusal({ WEFT_ROLE: role })).toMatch(/needs DATABASE_URL.*\n.*needs TEMPORAL_ADDRESS/)
    const servers = { DATABASE_URL: 'postgres://db/weft', TEMPORAL_ADDRESS: 'temporal:7233' }
    expect(readConfig({ WEFT_ROLE: role, ...servers })).toMatchObject({ role, databaseUrl: 'postgres://db/weft' })
  })

  test('other machines and no authentication', () => {
    expect(refusal({ HOST: '0.0.0.0' })).toMatch(/^HOST=0\.0\.0\.0 .* WEFT_INSECURE_BIND=1 /)
    expect(readConfig({ HOST: '0.0.0.0', WEFT_INSECURE_BIND: '1' }).insecureBind).toBe(true)
    expect(['localhost', '127.0.0.1', '127.1.2.3', '::1'].filter((host) => !isLoopback(host))).toEqual([])
    expect(['0.0.0.0', '::', '10.0.0.1', '127.example.org', '1270.0.0.1'].filter(isLoopback)).toEqual([])
  })

  test('other machines and authentication', () => {
    expect(readConfig({ HOST: '0.0.0.0', WEFT_AUTH: 'required' }).auth).toEqual({ required: true, adminKey: null, jwt: null })
    expect(readConfig({ HOST: '0.0.0.0', WEFT_ADMIN_KEY: 'k'.repeat(32) }).auth.adminKey).toBe('k'.repeat(32))
    expect(readConfig({ HOST: '0.0.0.0', ...JWT }).auth.jwt).toMatchObject({
      issuer: 'https://i',
      roleClaim: 'role',
      tenant: null,
    })
  })

  test('half of what tokens need, or keys of it that anybody can change', () => {
    expect(refusal({ ...JWT, WEFT_JWT_AUDIENCE: '' })).toMatch(/must be set together/)
    expect(refusal({ ...JWT, WEFT_JWT_JWKS_URL: 'http://issuer.example/jwks' })).toMatch(/must start with https/)
    expect(readConfig({ ...JWT, WEFT_JWT_JWKS_URL: 'http://127.0.0.1:1/jwks' }).auth.jwt).not.toBeNull()
    for (const WEFT_JWT_ALGORITHMS of ['HS256', 'none', 'RS256,HS512'])
      expect(refusal({ ...JWT, WEFT_JWT_ALGORITHMS })).toMatch(/must be some of RS256/)
  })

  test('a short key, which is not shown, and origins that are none', () => {
    expect(refusal({ WEFT_ADMIN_KEY: 'hunter2' })).toMatch(/^WEFT_ADMIN_KEY must be 32 to 256 printable(?!.*hunter2)/)
    for (const WEFT_CORS_ORIGINS of ['*', 'https://a.example/', 'a.example', 'https://a.example,null'])
      expect(refusal({ WEFT_CORS_ORIGINS })).toMatch(/must be origins such as/)
    expect(readConfig({ WEFT_CORS_ORIGINS: 'https://a.example, http://localhost:5173' }).corsOrigins).toHaveLength(2)
  })

  test('events that go before webhooks have given up telling of them, and threads that would not last at all', () => {
    expect(refusal({ WEFT_EVENT_RETENTION: '12h' })).toBe(
      'WEFT_EVENT_RETENTION (43200000 ms) must not be shorter than WEFT_WEBHOOK_GIVE_UP_MS (86400000 ms): deliveries to webhooks that are still tried would fail, since the event they tell of is gone.',
    )
    expect(readConfig({ WEFT_EVENT_RETENTION: '1d' }).eventRetentionMs).toBe(86_400_000)
    const both = { WEFT_EVENT_RETENTION: '1h', WEFT_WEBHOOK_GIVE_UP_MS: '3600000' }
    expect(readConfig(both).eventRetentionMs).toBe(3_600_000)
    expect(refusal({ WEFT_THREAD_TTL: '0d' })).toMatch(/^WEFT_THREAD_TTL must be longer/)
    expect(readConfig({ WEFT_THREAD_TTL: '30d' }).threadTtlMs).toBe(2_592_000_000)
    expect(readConfig({}).threadTtlMs).toBeNull()
  })

  test('half a client certificate', () => {
    expect(refusal({ TEMPORAL_TLS_CLIENT_CERT_PATH: 'cert.pem' })).toMatch(/must be set together/)
  })
})

test('TLS is on where it is asked for or certificates are named, and off where it is refused', () => {
  const tls = (env: Record<string, string>) => readConfig(env, '/at').temporal.tls
  expect(tls({ TEMPORAL_TLS: 'true' })).toEqual({ serverName: null, serverCa: null, clientCert: null, clientKey: null })
  expect(tls({ TEMPORAL_TLS_SERVER_CA_CERT_PATH: 'ca.pem' })).toMatchObject({ serverCa: { path: resolve('/at/ca.pem') } })
  expect(tls({ TEMPORAL_TLS: 'false', TEMPORAL_TLS_SERVER_NAME: 'x' })).toBe(false)
})

test('.env.example names every variable and agrees with the defaults', () => {
  const lines = readFileSync(join(ROOT, '.env.example'), 'utf8').matchAll(/^# ([A-Z_]+)=(.*)$/gm)
  const example = Object.fromEntries([...lines].map(([, name, value]) => [name, value ?? '']))
  const read = [...readFileSync(join(ROOT, 'src', 'config.ts'), 'utf8').matchAll(/^ {2}([A-Z][A-Z_]+):/gm)].map(
    ([, name]) => name,
  )
  const rare = /_DATA$/
  expect(read.filter((name) => name !== undefined && !rare.test(name) && !(name in example))).toEqual([])
  const { PORT, HOST, WEFT_TEMPORAL_PORT, WEFT_IDLE_CLOSE_MS, WEFT_STORE_TIMEOUT_MS, LOG_LEVEL } = example
  expect(readConfig({ PORT, HOST, WEFT_TEMPORAL_PORT, WEFT_IDLE_CLOSE_MS, WEFT_STORE_TIMEOUT_MS, LOG_LEVEL })).toEqual(
    readConfig({}),
  )
})
