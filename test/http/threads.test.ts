import { describe, expect, it } from 'vitest'
import { client } from './support/black-box.ts'
import { expectProblem } from './support/client.ts'
import { expectAnswer } from './support/contract.ts'
import { mark } from './support/service.ts'

const create = async (body: object = {}): Promise<any> =>
  expectAnswer(await client.call('POST', '/v1/threads', body), 'POST /v1/threads', 201)

describe('threads', () => {
  it('are created, with an id of the client or of ours', async () => {
    const id = `My.thread_1-${mark}`
    const thread = await create({ id, title: 'A title', resourceId: 'r1', custom: { a: 1 } })
    expect(thread).toMatchObject({
      id,
      metadata: { title: 'A title', custom: { a: 1 } },
      resource_id: 'r1',
      status: 'idle',
      workflow_id: `default/${id}`,
    })
    expect(thread.metadata.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect((await create()).id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expectProblem(await client.call('POST', '/v1/threads', { id }), 409, 'thread_exists')
    expectProblem(await client.call('POST', '/v1/threads', { id: 'a b' }), 400, 'invalid_request')
    expectProblem(await client.call('POST', '/v1/threads', { parent_thread_id: 'nobody' }), 400, 'parent_not_found')
  })

  it('are created once with an Idempotency-Key', async () => {
    const headers = { 'Idempotency-Key': `thread ${mark}` }
    const first = await client.call('POST', '/v1/threads', { title: 'x' }, headers)
    const second = await client.call('POST', '/v1/threads', { title: 'x' }, headers)
    expect(second.body).toEqual(first.body)
    expectProblem(await client.call('POST', '/v1/threads', { title: 'y' }, headers), 422, 'idempotency_conflict')
  })

  it('are listed by pages, newest first, and filtered', async () => {
    const parent = await create()
    const ids: string[] = []
    for (let n = 0; n < 5; n++)
      ids.unshift((await create({ resource_id: `list-${mark}`, parent_thread_id: n < 2 ? parent.id : null })).id)
    const path = `/v1/threads?resource_id=list-${mark}`
    const first = expectAnswer(await client.call('GET', `${path}&limit=2`), 'GET /v1/threads', 200)
    expect(first).toMatchObject({ total: 5, has_more: true, limit: 2, offset: 0 })
    const second = expectAnswer(
      await client.call('GET', `${path}&limit=3&cursor=${first.next_cursor as string}`),
      'GET /v1/threads',
      200,
    )
    expect(second).toMatchObject({ has_more: false, next_cursor: expect.any(String) })
    expect([...first.items, ...second.items].map(({ id }: any) => id)).toEqual(ids)
    const tail = await client.call('GET', `${path}&cursor=${second.next_cursor as string}`)
    expect(tail.body).toMatchObject({ items: [], has_more: false, next_cursor: expect.any(String) })
    expect((await client.call('GET', `${path}&offset=4`)).body.items).toHaveLength(1)
    expect((await client.call('GET', `${path}&limit=0`)).body).toMatchObject({ limit: 1 })
    expect((await client.call('GET', `${path}&limit=9999`)).body).toMatchObject({ limit: 200 })
    expect((await client.call('GET', `${path}&root=true`)).body.total).toBe(3)
    expect((await client.call('GET', `/v1/threads?parentThreadId=${parent.id as string}`)).body.total).toBe(2)
    expect((await client.call('GET', `${path}&updated_after=2999-01-01T00:00:00Z`)).body.total).toBe(0)
    expect((await client.call('GET', `${path}&status=waiting`)).body.total).toBe(0)
    const summaries = expectAnswer(
      await client.call('GET', `/v1/threads/summaries?resource_id=list-${mark}`),
      'GET /v1/threads/summaries',
      200,
    )
    expect(Object.keys(summaries.items[0]).sort()).toEqual([
      'agent_id',
      'id',
      'parent_thread_id',
      'resource_id',
      'title',
      'updated_at',
    ])
  })

  it('refuse what is wrong in a list request', async () => {
    for (const query of ['limit=x', 'status=busy', 'updated_after=yesterday', 'limit=1&limit=2', 'root=maybe'])
      expectProblem(await client.call('GET', `/v1/threads?${query}`), 400, 'invalid_request')
    const runs = await client.call('GET', '/v1/runs')
    for (const cursor of ['x', 'AAAA', '%00', runs.body.next_cursor as string])
      expectProblem(
        await client.call('GET', `/v1/threads?cursor=${cursor}`),
        400,
        cursor === '%00' ? 'invalid_request' : 'invalid_cursor',
      )
  })

  it('are read, changed and deleted', async () => {
    const { id } = await create({ title: 'before', custom: { keep: 1, drop: 2 } })
    const patched = expectAnswer(
      await client.call('PATCH', `/v1/threads/${id as string}`, { title: 'after', custom: { drop: null, add: 3 } }),
      'PATCH /v1/threads/:id',
      200,
    )
    expect(patched.metadata).toMatchObject({ title: 'after', custom: { keep: 1, add: 3 } })
    expect(patched.metadata.custom).not.toHaveProperty('drop')
    const again = await client.call('PATCH', `/v1/threads/${id as string}/metadata`, { title: null })
    expectAnswer(again, 'PATCH /v1/threads/:id/metadata', 200)
    expect(
      expectAnswer(await client.call('GET', `/v1/threads/${id as string}`), 'GET /v1/threads/:id', 200).metadata.title,
    ).toBeNull()
    expectProblem(await client.call('PATCH', `/v1/threads/${id as string}`, { parent_thread_id: id }), 400, 'parent_cycle')
    expectProblem(
      await client.call('PATCH', `/v1/threads/${id as string}`, { parent_thread_id: 'nobody' }),
      400,
      'parent_not_found',
    )

    const child = await create({ parent_thread_id: id })
    expectProblem(await client.call('DELETE', `/v1/threads/${id as string}?child_strategy=reject`), 409, 'thread_has_children')
    expectProblem(await client.call('DELETE', `/v1/threads/${id as string}?child_strategy=eat`), 400, 'invalid_request')
    expect((await client.call('DELETE', `/v1/threads/${id as string}`)).status).toBe(204)
    expect((await client.call('GET', `/v1/threads/${child.id as string}`)).body.parent_thread_id).toBeNull()
  })

  it('say 404 when they never were, and 410 once they are deleted', async () => {
    const { id } = await create()
    await client.call('DELETE', `/v1/threads/${id as string}`)
    const message = { messages: [{ role: 'user', content: 'x' }] }
    const requests: [string, string, unknown?][] = [
      ['GET', ''],
      ['PATCH', '', { title: 'x' }],
      ['PATCH', '/metadata', { title: 'x' }],
      ['DELETE', ''],
      ['GET', '/messages'],
      ['POST', '/messages', message],
      ['GET', '/pending'],
      ['GET', '/mailbox'],
      ['GET', '/runs'],
      ['GET', '/runs/active'],
      ['GET', '/runs/latest'],
      ['GET', '/events'],
      ['GET', '/events/stream'],
      ['POST', '/interrupt'],
      ['POST', '/cancel'],
      ['POST', '/decision', { tool_call_id: 'x', action: 'resume' }],
    ]
    for (const [method, rest, body] of requests) {
      expectProblem(await client.call(method, `/v1/threads/${id as string}${rest}`, body), 410, 'thread_deleted')
      for (const other of ['nobody', 'not%20an%20id', 'x'.repeat(129)])
        expectProblem(await client.call(method, `/v1/threads/${other}${rest}`, body), 404, 'thread_not_found')
    }
    expectProblem(await client.call('POST', '/v1/threads', { id }), 410, 'thread_deleted')
    expectProblem(await client.call('POST', `/v1/threads/${id as string}/mailbox`, { payload: 1 }), 410, 'thread_deleted')
    expectProblem(await client.run('x', { thread_id: id }), 410, 'thread_deleted')
  })
})
