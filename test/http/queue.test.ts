import { describe, expect, it } from 'vitest'
import { client, scene } from './support/black-box.ts'
import { expectProblem } from './support/client.ts'
import { expectAnswer } from './support/contract.ts'

const ORDER = 'PUT /v1/threads/:id/pending/order'
const RESUME = 'POST /v1/threads/:id/queue/resume'
/** A thread with a run that goes on and messages `a`, `b` and `c` behind it. */
async function three(): Promise<{ id: string; path: string; run_id: string }> {
  const { thread_id, run_id } = await scene.start('/slow 20000 a b c d')
  for (const id of ['a', 'b', 'c']) await scene.post(thread_id, id, {}, { id })
  return { id: thread_id, path: `/v1/threads/${thread_id as string}`, run_id }
}
const ids = (queue: any): string[] => queue.items.map(({ pending_id }: any) => pending_id)
/** What people have said on a thread, in the order in which it was read. */
async function said(id: string): Promise<string[]> {
  const { messages } = (await client.call('GET', `/v1/threads/${id}/messages`)).body
  return messages.filter(({ role }: any) => role === 'user').map(({ content }: any) => content)
}
async function rest(path: string, run_id: string): Promise<void> {
  await client.call('POST', `/v1/runs/${run_id}/cancel`)
  for (;;) {
    const { active_run } = (await client.call('GET', `${path}/runs/active`)).body
    const { total } = (await client.call('GET', `${path}/pending`)).body
    if (active_run === null && total === 0) return
    if (active_run !== null) await scene.settled(active_run.run_id)
  }
}

describe('the queue', () => {
  it('has a revision that every change raises, and says nothing new where there is none', async () => {
    const { path, id } = await three()
    const first = await client.call('GET', `${path}/pending`)
    const body = expectAnswer(first, 'GET /v1/threads/:id/pending', 200)
    const tag = `"q${String(body.queue_revision)}"`
    expect(first.headers.get('etag')).toBe(tag)
    expect(body.items.map(({ position }: any) => position)).toEqual([1, 2, 3])
    for (const known of [tag, `W/${tag}`, `"q0", ${tag}`]) {
      const same = await client.call('GET', `${path}/pending`, undefined, { 'If-None-Match': known })
      expect([same.status, same.body, same.headers.get('etag')]).toEqual([304, '', tag])
    }
    await scene.post(id, 'd')
    const next = await client.call('GET', `${path}/pending`, undefined, { 'If-None-Match': tag })
    expect(next.status).toBe(200)
    expect(next.body.queue_revision).toBeGreaterThan(body.queue_revision)
  })

  it('is put into another order by those who have seen it', async () => {
    const { path, id, run_id } = await three()
    const { queue_revision } = await scene.pending(id)
    const tag = { 'If-Match': `"q${String(queue_revision)}"` }
    const put = (pending_ids: string[], headers = {}, more = {}) =>
      client.call('PUT', `${path}/pending/order`, { pending_ids, ...more }, headers)
    expectProblem(await put(['c', 'b', 'a']), 428, 'precondition_required')
    for (const wrong of [['c', 'b'], ['c', 'b', 'b'], ['c', 'b', 'a', 'x'], []])
      expectProblem(await put(wrong, tag), 400, 'invalid_command')

    const answer = await put(['c', 'a', 'b'], tag)
    const body = expectAnswer(answer, ORDER, 200)
    expect(ids(body)).toEqual(['c', 'a', 'b'])
    expect(answer.headers.get('etag')).toBe(`"q${String(body.queue_revision)}"`)
    for (const foreign of ['"1"', 'x', `q${String(body.queue_revision)}`, '"q1", "1"']) {
      const refused = await put(['a', 'b', 'c'], { 'If-Match': foreign })
      expectProblem(refused, 400, 'invalid_request')
      expect(refused.body.detail).toMatch(/^If-Match must be an ETag of GET .*, such as "q7"/)
    }
    const contradiction = { expected_queue_revision: body.queue_revision }
    expectProblem(await put(['a', 'b', 'c'], tag, contradiction), 400, 'invalid_request')
    for (const stale of [tag, { 'If-Match': '"q99", "q98"' }]) {
      const conflict = await put(['a', 'b', 'c'], stale)
      expectProblem(conflict, 409, 'revision_conflict')
      expect(conflict.body).toMatchObject({ queue_revision: body.queue_revision, pending_ids: ['c', 'a', 'b'] })
      expect(conflict.headers.get('etag')).toBe(answer.headers.get('etag'))
    }
    expectProblem(await put(['a', 'b', 'c'], {}, { expected_queue_revision: queue_revision }), 409, 'revision_conflict')
    const again = expectAnswer(await put(['c', 'b', 'a'], {}, { expected_queue_revision: body.queue_revision }), ORDER, 200)
    expect(ids(again)).toEqual(['c', 'b', 'a'])
    // Byte for byte the same twice: the second is told what the first was.
    for (const [order, tags] of [
      [['a', 'b', 'c'], `"q${String(again.queue_revision)}", "q99"`],
      [['b', 'c', 'a'], '*'],
    ] as const) {
      const headers = { 'If-Match': tags, 'Idempotency-Key': tags }
      const first = expectAnswer(await put([...order], headers), ORDER, 200)
      expect(expectAnswer(await put([...order], headers), ORDER, 200)).toEqual(first)
    }
    await rest(path, run_id)
    expect((await said(id)).slice(1)).toEqual(['b', 'c', 'a'])
  })

  it('leaves a held message alone until it is released', async () => {
    const { path, id, run_id } = await three()
    const held = await client.call('POST', `${path}/pending/a/hold`, { ttl_ms: 600_000 })
    const { pending } = expectAnswer(held, 'POST /v1/threads/:id/pending/:pid/hold', 200)
    expect(pending).toMatchObject({ pending_id: 'a', content: 'a' })
    expect(Date.parse(pending.held_until) - Date.now()).toBeGreaterThan(550_000)
    expect((await scene.pending(id)).items[0]).toEqual(pending)
    for (const ttl_ms of [0, 600_001, 1.5, '1'])
      expectProblem(await client.call('POST', `${path}/pending/a/hold`, { ttl_ms }), 400, 'invalid_request')
    expectProblem(await client.call('POST', `${path}/pending/x/hold`), 404, 'pending_not_found')

    await client.call('POST', `/v1/runs/${run_id}/cancel?wait=true`)
    expect(ids(await scene.pending(id))).toEqual(['a', 'b', 'c'])
    expect((await client.call('GET', `${path}/runs/active`)).body.active_run).toBeNull()
    const released = await client.call('POST', `${path}/pending/a/release`)
    expect(expectAnswer(released, 'POST /v1/threads/:id/pending/:pid/release', 200).pending).toMatchObject({
      pending_id: 'a',
      content: 'a',
      held_until: null,
    })
    await rest(path, run_id)
    expect((await said(id)).slice(1)).toEqual(['a', 'b', 'c'])
    expectProblem(await client.call('POST', `${path}/pending/a/release`), 410, 'already_consumed')
  })

  it('takes a held message again when its time is over', async () => {
    const { thread_id, run_id } = await scene.start('/slow 20000 a b c d')
    const { body } = await scene.post(thread_id, 'soon', {}, { id: 's' })
    await client.call('POST', `/v1/threads/${thread_id as string}/pending/s/hold`, { ttl_ms: 400 })
    await client.call('POST', `/v1/runs/${run_id as string}/cancel?wait=true`)
    expect(await scene.settled(body.run_id)).toMatchObject({ final_output: 'You said: soon' })
    const defaulted = await three()
    const held = await client.call('POST', `${defaulted.path}/pending/b/hold`)
    const left = Date.parse(held.body.pending.held_until) - Date.now()
    expect([left > 50_000, left <= 60_000]).toEqual([true, true])
  })

  it('stays parked until it is resumed', async () => {
    const { path, id, run_id } = await three()
    const parked = await client.call('POST', `${path}/interrupt`, { queue: 'park' })
    expect(parked.body).toMatchObject({ run_id, superseded_dispatches: 0 })
    await scene.settled(run_id)
    expect(ids(await scene.pending(id))).toEqual(['a', 'b', 'c'])
    const resumed = expectAnswer(await client.call('POST', `${path}/queue/resume`), RESUME, 202)
    expect(resumed).toMatchObject({ status: 'queue_resumed', thread_id: id, resumed: true, run_id: expect.any(String) })
    await rest(path, run_id)
    expect((await said(id)).slice(1)).toEqual(['a', 'b', 'c'])
    const nothing = expectAnswer(await client.call('POST', `${path}/queue/resume`, {}), RESUME, 202)
    expect(nothing).toMatchObject({ resumed: false, pending: 0, run_id: null })
  })
})

it('says 404 or 410 for threads that are not there', async () => {
  const { id } = await three()
  await client.call('DELETE', `/v1/threads/${id}`)
  const requests: [string, string, unknown?][] = [
    ['GET', '/pending'],
    ['GET', '/pending/a'],
    ['PATCH', '/pending/a', { content: 'x' }],
    ['DELETE', '/pending/a'],
    ['POST', '/pending/a/hold'],
    ['POST', '/pending/a/release'],
    ['PUT', '/pending/order', { pending_ids: [] }],
    ['POST', '/queue/resume'],
    ['GET', '/state'],
    ['GET', '/messages/a/receipt'],
  ]
  for (const [method, path, body] of requests) {
    expectProblem(await client.call(method, `/v1/threads/${id}${path}`, body), 410, 'thread_deleted')
    expectProblem(await client.call(method, `/v1/threads/nobody${path}`, body), 404, 'thread_not_found')
  }
})
