import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { routeName } from '../../../src/http/roles.ts'
import { allRoutes } from '../../../src/http/routes/index.ts'
import { createLogger } from '../../../src/program/logger.ts'
import type { Store } from '../../../src/store/store.ts'
import { expectProblem } from '../support/client.ts'
import { bearer, madeUpKey, startGuarded, type Guarded } from '../support/guarded.ts'
import { addressOf, BODIES, makeSamples, type Samples } from '../support/samples.ts'

/** A real logger on a service whose store fails with what people wrote in its errors. */
const PROMPT = 'my-pin-is-8713-and-nobody-may-know'
const ADMIN = 'quoted"admin-key-of-32-characters-and-more'
const lines: string[] = []
const log = createLogger('debug', false, { secrets: [ADMIN], write: (text) => lines.push(text) })
let service: Guarded
let samples: Samples
let breaks = false
beforeAll(async () => {
  service = await startGuarded({ admin_key: ADMIN }, { log })
  const { threads, keys } = service.store as { -readonly [K in keyof Store]: Store[K] }
  const create = threads.create.bind(threads)
  threads.create = async (tenant, thread) => {
    if (!breaks) return await create(tenant, thread)
    // A true error of the database, with the statement's parameters in it.
    const row = { key_id: 'same', tenant, role: 'user', name: thread.title ?? '', created_at: 1, created_by: ADMIN } as const
    for (;;) await keys.create({ ...row, expires_at: null, hash: madeUpKey() })
  }
  samples = await makeSamples(service.as(bearer(ADMIN)), (await service.key('reader')).key_id)
}, 60_000)
afterAll(() => service.close())

describe('a log', () => {
  it('tells what failed, without what anybody wrote or showed', async () => {
    breaks = true
    const key = await service.key('operator')
    const path = `/v1/threads?access_token=${madeUpKey()}`
    const answer = await service.as(key.headers).call('POST', path, { title: PROMPT })
    breaks = false
    expectProblem(answer, 500, 'internal_error')
    const text = lines.join('')
    expect(text).toContain('request failed')
    expect(text).toMatch(/duplicate key|unique/)
    expect(text).toMatch(/key-rows\.ts|\bat /)
    for (const secret of [PROMPT, ADMIN, JSON.stringify(ADMIN).slice(1, -1), key.text.slice(-43), 'access_token'])
      expect(text + JSON.stringify(answer.body)).not.toContain(secret)
    expect(JSON.stringify(answer.body)).not.toMatch(/duplicate|\.ts|\bat /)
  })

  it.each([
    ['a key', (secret: string) => `failed with ${secret}`, madeUpKey()],
    ['the key of the environment', (secret: string) => `it was ${secret}.`, ADMIN],
    ['a token in an address', (secret: string) => `/v1/runs/r/stream?access_token=${secret}&cursor=1`, 'abc.def.ghi'],
    ['a header', (secret: string) => `authorization: Bearer ${secret}`, 'abcdefgh'],
    ['a signed token', (secret: string) => `token ${secret}`, `eyJhbGciOiJIUzI1NiJ9.${'a'.repeat(40)}.${'b'.repeat(43)}`],
    ['a password', (secret: string) => `connect postgres://weft:${secret}@db:5432/weft`, 'hunter2hunter2'],
    ["a provider's key", (secret: string) => `refused ${secret}`, 'sk-abcdefghijklmnopqrstuvwxyz'],
  ])('keeps %s to itself, wherever it comes from', (_, say, secret) => {
    const before = lines.length
    const error = new Error(say(secret), { cause: new Error(say(secret)) })
    log.warn({ err: Object.assign(error, { params: [PROMPT] }), error: String(error), deep: { of: [say(secret)] } }, say(secret))
    const text = lines.slice(before).join('')
    expect(text).toContain('redacted')
    for (const each of [secret, JSON.stringify(secret).slice(1, -1), PROMPT]) expect(text).not.toContain(each)
    expect(JSON.parse(text)).toMatchObject({ level: 'warn', err: { type: 'Error' } })
  })
})

describe('a refusal', () => {
  const written = allRoutes().filter(({ body }) => body !== undefined)
  it.each(written.map((route) => [routeName(route), route] as const))('%s does not repeat what was sent', async (name, route) => {
    const good = BODIES[name]?.(samples) ?? {}
    const fields = Object.keys(good).length > 0 ? Object.keys(good) : ['mode', 'payload', 'metadata']
    const wrong: unknown[] = [PROMPT, [PROMPT], ...fields.map((field) => ({ ...good, [field]: { name: PROMPT } }))]
    if ('messages' in good) wrong.push({ ...good, messages: [{ role: PROMPT, content: [{ type: PROMPT, text: PROMPT }] }] })
    for (const body of wrong) {
      const headers = { ...bearer(ADMIN), 'content-type': 'application/json' }
      const init = { body: JSON.stringify(body), headers }
      const answer = await service.as({}).raw(route.method.toUpperCase(), addressOf(route.path, samples), init)
      if (answer.status >= 400) expect(JSON.stringify(answer.body), JSON.stringify(body)).not.toContain(PROMPT)
      expect(answer.status).toBeLessThan(500)
    }
    expect(lines.join('')).not.toContain(PROMPT)
  })
})
