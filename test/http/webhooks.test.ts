import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allowNetworks } from '../../src/webhooks/addresses.ts'
import { createClient, expectProblem, type Client } from './support/client.ts'
import { startService, type Service } from './support/service.ts'

let service: Service
let client: Client
beforeAll(async () => {
  service = await startService(() => ({ webhook_networks: allowNetworks(['127.0.0.1']) }))
  client = createClient(service.url)
}, 30_000)
afterAll(() => service.close())
const ALL = ['run.finished', 'run.errored', 'run.waiting', 'queue.parked']

describe('/v1/webhooks', () => {
  it('shows the secret once, when the webhook is made', async () => {
    const made = await client.call('POST', '/v1/webhooks', { url: 'https://example.com/hook', description: 'mine' })
    expect(made).toMatchObject({
      status: 201,
      body: { url: 'https://example.com/hook', description: 'mine', status: 'active', events: ALL, last_delivered_at: null },
    })
    expect(made.body.secret).toMatch(/^whsec_[\w-]{43}$/)
    const path = `/v1/webhooks/${made.body.id as string}`
    expect(made.headers.get('location')).toBe(path)
    const { secret, ...rest } = made.body
    expect((await client.call('GET', path)).body).toEqual(rest)
    const { body: list } = await client.call('GET', '/v1/webhooks')
    expect(list).toMatchObject({ total: 1, items: [rest] })
    expect(JSON.stringify(list)).not.toContain(secret)
    expect((await client.call('DELETE', path)).status).toBe(204)
    for (const answer of [
      await client.call('GET', path),
      await client.call('DELETE', path),
      await client.call('POST', `${path}/enable`),
    ])
      expectProblem(answer, 404, 'webhook_not_found')
  })

  it('takes a secret of the caller, and the events that it is to tell', async () => {
    const own = { url: 'http://127.0.0.1:9/', secret: 'my own long secret'.replaceAll(' ', '-'), events: ['run.waiting'] }
    const { status, body } = await client.call('POST', '/v1/webhooks', own)
    expect({ status, body }).toMatchObject({ status: 201, body: own })
    await client.call('DELETE', `/v1/webhooks/${body.id as string}`)
  })

  it.each([
    ...['http://8.8.8.8/', 'https://10.0.0.1/', 'https://169.254.169.254/latest', 'https://[::1]/'],
    ...['https://user:pass@example.com/', 'file:///etc/passwd', 'nonsense'],
  ])('refuses %s', async (url) => {
    expectProblem(await client.call('POST', '/v1/webhooks', { url }), 400, 'webhook_refused')
  })

  it.each([
    { url: 'https://example.com/', events: [] },
    { url: 'https://example.com/', events: ['run.started'] },
    {},
    { url: 1 },
  ])('refuses %o', async (body) => {
    expectProblem(await client.call('POST', '/v1/webhooks', body), 400, 'invalid_request')
  })

  it('are at most a hundred', async () => {
    const ids = []
    for (let n = 0; n < 100; n++) ids.push((await client.call('POST', '/v1/webhooks', { url: 'https://example.com/' })).body.id)
    expectProblem(await client.call('POST', '/v1/webhooks', { url: 'https://example.com/' }), 409, 'too_many_webhooks')
    for (const id of ids) expect((await client.call('DELETE', `/v1/webhooks/${id as string}`)).status).toBe(204)
  })

  it('shows what became of each delivery', async () => {
    const { body: hook } = await client.call('POST', '/v1/webhooks', { url: 'http://127.0.0.1:9/', events: ['run.finished'] })
    const { body: run } = await client.run('hi')
    const path = `/v1/webhooks/deliveries?webhook_id=${hook.id as string}`
    await expect.poll(async () => (await client.call('GET', path)).body.total).toBe(1)
    const { items } = (await client.call('GET', `${path}&status=pending`)).body
    expect(items).toMatchObject([
      { webhook_id: hook.id, run_id: run.run_id, kind: 'RunFinished', status: 'pending', attempts: 0, last_error: null },
    ])
    expect(items[0]).not.toHaveProperty('tenant')
    expect((await client.call('GET', `${path}&status=failed`)).body.items).toEqual([])
    const [{ delivery_id }] = items
    const retry = `/v1/webhooks/${hook.id as string}/deliveries/${encodeURIComponent(delivery_id)}/retry`
    expectProblem(await client.call('POST', retry), 409, 'delivery_not_failed')
    expectProblem(await client.call('POST', retry.replace('RunFinished', 'x')), 404, 'delivery_not_found')
    const key = { tenant: 'default', webhook_id: hook.id, delivery_id }
    await service.store.webhooks.record(key, { status: 'failed', last_status: 500, last_error: 'It answered 500.' })
    const again = await client.call('POST', retry)
    expect(again).toMatchObject({ status: 202, body: { delivery_id, status: 'pending', attempts: 1, last_status: 500 } })
    expect(Date.parse(again.body.next_attempt_at)).toBeLessThanOrEqual(Date.now())
    await service.store.webhooks.disable(hook.id, 'because')
    expectProblem(await client.call('POST', retry), 409, 'webhook_disabled')
    expectProblem(await client.call('GET', '/v1/webhooks/deliveries?cursor=x'), 400, 'invalid_cursor')
  })
})
