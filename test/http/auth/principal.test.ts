import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectProblem } from '../support/client.ts'
import { startGuarded, type Guarded } from '../support/guarded.ts'
import { scenes } from '../support/threads.ts'

let service: Guarded
beforeAll(async () => {
  service = await startGuarded({}, { limits: { recheck_ms: 50 } })
}, 60_000)
afterAll(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})
const LIE = { id: 'somebody-else', name: 'Somebody else' }

describe('who acts', () => {
  it('is who calls: a decision bears the name of the key, whatever it says', async () => {
    const { headers, key_id } = await service.key('approver', { name: 'Grace' })
    const client = service.as(headers)
    const run = await scenes(client).waiting()
    const [{ tool_call_id }] = run.waiting.tickets
    const decided = await client.call('POST', `/v1/runs/${run.run_id}/decision`, { tool_call_id, action: 'resume', by: LIE })
    expect(decided.status).toBe(202)
    await scenes(client).settled(run.run_id)
    const log = (await client.call('GET', `/v1/runs/${run.run_id}/events?limit=200`)).body.items
    const [resolved] = log.filter(({ kind }: any) => kind === 'ToolPermissionResolved')
    expect(resolved.payload.decided_by).toEqual({ id: `key:${key_id}`, name: 'Grace' })
    expect(JSON.stringify(log)).not.toContain(LIE.id)
  })

  it('is who calls: so it is for edits of the queue', async () => {
    const { headers, key_id } = await service.key('user', { name: 'desk' })
    const client = service.as(headers)
    const scene = scenes(client)
    const { thread_id } = await scene.start('/slow 20000 a b')
    const [pending] = (await scene.post(thread_id, 'behind')).body.message_ids
    const path = `/v1/threads/${thread_id as string}/pending/${pending as string}`
    const edited = await client.call('PATCH', path, { content: 'x', expected_revision: 1, by: LIE })
    expect(edited.status).toBe(200)
    expect((await client.call('POST', `${path}/hold`, { by: LIE })).status).toBe(200)
    expect((await client.call('POST', `${path}/release`, { by: LIE })).status).toBe(200)
    expect((await client.call('DELETE', `${path}?expected_revision=${String((await scene.pending(thread_id)).items[0].revision)}`, { by: LIE })).status).toBe(200) // prettier-ignore
    const log = JSON.stringify((await client.call('GET', `/v1/threads/${thread_id as string}/events?limit=200`)).body.items)
    expect(log).not.toContain(LIE.id)
    expect(log.split(`"key:${key_id}"`).length - 1).toBeGreaterThanOrEqual(4)
  })
})

describe('an open stream', () => {
  it('ends when the key that it was opened with is revoked', async () => {
    const { headers, key_id } = await service.key('user')
    const client = service.as(headers)
    const { run_id } = await scenes(client).start('/slow 60000 a b')
    const stream = await client.stream('GET', `/v1/runs/${run_id as string}/stream`)
    await stream.until(({ event_type }) => event_type === 'run_start')
    await service.store.keys.revoke(null, key_id, { at: Date.now(), by: 'test' })
    await stream.all()
    expectProblem(await client.call('GET', `/v1/runs/${run_id as string}`), 401, 'unauthenticated')
  })

  it('may be opened with a token of its thread, ends with it, and goes on with the next where it was', async () => {
    const { headers } = await service.key('user')
    const client = service.as(headers)
    const { run_id, thread_id } = await scenes(client).start('/slow 60000 a b')
    const token = async (ttl_s?: number): Promise<any> =>
      (await client.call('POST', `/v1/threads/${thread_id as string}/stream-tokens`, ttl_s === undefined ? undefined : { ttl_s }))
        .body
    const { access_token, expires_at } = await token(2)
    expect(Date.parse(expires_at)).toBeLessThanOrEqual(Date.now() + 2_000)
    const nobody = service.as({})
    const path = `/v1/threads/${thread_id as string}/events/stream`
    const stream = await nobody.stream('GET', `${path}?access_token=${access_token as string}`)
    const first = await stream.until(({ kind }) => kind === 'RunStarted')
    await stream.all()
    expectProblem(await nobody.call('GET', `${path}?access_token=${access_token as string}`), 401, 'unauthenticated')
    const next = await token()
    const again = await nobody.stream('GET', `${path}?access_token=${next.access_token as string}&cursor=${String(first.id)}`)
    await client.call('POST', `/v1/runs/${run_id as string}/cancel`)
    await again.until(({ kind }) => kind === 'RunFinished')
    expect(again.frames.map(({ data }) => data.event_seq)).not.toContain(first.data.event_seq)
    again.close()
  })

  it.each([0, 3_601, 1.5, 'x'])('no token lasts %j s', async (ttl_s) => {
    const { headers } = await service.key('user')
    const client = service.as(headers)
    const id = await scenes(client).thread()
    expectProblem(await client.call('POST', `/v1/threads/${id}/stream-tokens`, { ttl_s }), 400, 'invalid_request')
  })
})
