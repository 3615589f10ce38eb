import { afterAll, beforeAll, expect, it } from 'vitest'
import { expectProblem } from '../support/client.ts'
import { startGuarded, type Guarded } from '../support/guarded.ts'

let service: Guarded
beforeAll(async () => {
  service = await startGuarded({}, { limits: { requests_per_minute: 5 } })
}, 60_000)
afterAll(() => service.close())

it('each caller has so many requests a minute, and is told when to come again', async () => {
  const [one, two] = [await service.key('reader'), await service.key('reader')]
  const client = service.as(one.headers)
  for (let i = 0; i < 5; i += 1) expect((await client.call('GET', '/v1/threads')).status).toBe(200)
  const over = await client.call('GET', '/v1/threads')
  expectProblem(over, 429, 'rate_limited')
  const seconds = Number(over.headers.get('retry-after'))
  expect(seconds).toBeGreaterThanOrEqual(1)
  expect(seconds).toBeLessThanOrEqual(60)
  expect((await service.as(two.headers).call('GET', '/v1/threads')).status).toBe(200)
  // Health is for whoever watches over the service.
  for (let i = 0; i < 7; i += 1) expect((await client.call('GET', '/health/live')).status).toBe(200)
})

it('what may not be done counts too', async () => {
  const client = service.as((await service.key('reader')).headers)
  for (let i = 0; i < 5; i += 1) expectProblem(await client.call('DELETE', '/v1/threads/x'), 403, 'forbidden')
  expectProblem(await client.call('DELETE', '/v1/threads/x'), 429, 'rate_limited')
})
