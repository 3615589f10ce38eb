import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { expectProblem, type Answered } from '../support/client.ts'
import { startGuarded, type Guarded } from '../support/guarded.ts'
import { scenes } from '../support/threads.ts'

let service: Guarded
beforeAll(async () => {
  service = await startGuarded({}, { limits: { recheck_ms: 50, poll_ms: 100 } })
}, 60_000)
afterEach(() => {
  vi.restoreAllMocks()
})
afterAll(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

const LONG = '/slow 60000 a b'
const JSON_ONLY = { accept: 'application/json' }

/** A request that waits for its answer, and the run that it waits for. */
async function waiting(kind: 'wait' | 'run'): Promise<{ answer: Promise<Answered>; key_id: string; thread_id: string }> {
  const { headers, key_id } = await service.key('user')
  const client = service.as(headers)
  const scene = scenes(client)
  if (kind === 'wait') {
    const { run_id, thread_id } = await scene.start(LONG)
    const listening = vi.spyOn(service.bus, 'subscribe')
    const answer = client.call('GET', `/v1/runs/${run_id as string}/wait?timeout_ms=20000`)
    await expect.poll(() => listening.mock.calls.length).toBeGreaterThan(0)
    return { answer, key_id, thread_id }
  }
  const thread_id = await scene.thread()
  const body = { thread_id, agent_id: 'default', messages: [{ role: 'user', content: LONG }] }
  const answer = client.call('POST', '/v1/runs', body, JSON_ONLY)
  const looker = service.as((await service.key('reader')).headers)
  await expect
    .poll(async () => (await looker.call('GET', `/v1/threads/${thread_id}/runs/active`)).body.active_run?.status)
    .toBe('running')
  return { answer, key_id, thread_id }
}

describe.each(['wait', 'run'] as const)('an answer that is waited for (%s)', (kind) => {
  it('is refused once the key is revoked', async () => {
    const { answer, key_id } = await waiting(kind)
    await service.store.keys.revoke(null, key_id, { at: Date.now(), by: 'test' })
    expectProblem(await answer, 401, 'unauthenticated')
  })

  it('says so when the thread is deleted meanwhile', async () => {
    const { answer, thread_id } = await waiting(kind)
    const operator = service.as((await service.key('operator')).headers)
    expect((await operator.call('DELETE', `/v1/threads/${thread_id}`)).status).toBe(204)
    expectProblem(await answer, 404, 'run_not_found')
  })
})
