import { describe, expect, it } from 'vitest'
import { client } from './support/black-box.ts'
import { expectProblem } from './support/client.ts'
import { expectAnswer } from './support/contract.ts'
import { mark } from './support/service.ts'

const user = (content: unknown, more: object = {}) => ({ role: 'user', content, ...more })
const newThread = async (): Promise<string> => (await client.call('POST', '/v1/threads', {})).body.id
const post = (id: string, messages: unknown, more: object = {}, headers: Record<string, string> = {}) =>
  client.call('POST', `/v1/threads/${id}/messages`, { messages, ...more }, headers)
const settled = async (run_id: string): Promise<any> => (await client.call('GET', `/v1/runs/${run_id}/wait`)).body

describe('POST /v1/threads/:id/messages', () => {
  it('starts a run that can be read at once, and queues behind one that runs', async () => {
    const id = await newThread()
    const first = expectAnswer(
      await post(id, [user('/slow 15000 a b c')], { agentId: 'default' }),
      'POST /v1/threads/:id/messages',
      202,
    )
    expect(first).toMatchObject({ status: 'running', thread_id: id, message_ids: [expect.any(String)] })
    expect((await client.call('GET', `/v1/runs/${first.run_id as string}`)).body).toMatchObject({
      status: 'running',
      dispatch_id: first.dispatch_id,
    })
    const active = expectAnswer(await client.call('GET', `/v1/threads/${id}/runs/active`), 'GET /v1/threads/:id/runs/active', 200)
    expect(active.active_run.run_id).toBe(first.run_id)

    const second = expectAnswer(await post(id, [user('later', { id: 'later-1' })]), 'POST /v1/threads/:id/messages', 202)
    expect(second).toMatchObject({ status: 'queued', message_ids: ['later-1'] })
    expect((await client.call('GET', `/v1/runs/${second.run_id as string}`)).body).toMatchObject({ status: 'created' })
    const pending = expectAnswer(await client.call('GET', `/v1/threads/${id}/pending`), 'GET /v1/threads/:id/pending', 200)
    expect(pending).toMatchObject({
      total: 1,
      items: [{ pending_id: 'later-1', position: 1, content: 'later', run_id: second.run_id }],
    })

    await client.call('POST', `/v1/runs/${first.run_id as string}/cancel`)
    expect(await settled(second.run_id)).toMatchObject({ status: 'done', final_output: expect.stringContaining('later') })
    const list = expectAnswer(await client.call('GET', `/v1/threads/${id}/messages`), 'GET /v1/threads/:id/messages', 200)
    expect(list.messages.map(({ message_seq }: any) => message_seq)).toEqual(list.messages.map((_row: any, n: number) => n + 1))
    expect(list.messages.slice(-2)).toMatchObject([
      { role: 'user', message_id: 'later-1', run_id: second.run_id },
      { role: 'assistant', run_id: second.run_id, message_kind: 'assistant_output' },
    ])
    const latest = expectAnswer(await client.call('GET', `/v1/threads/${id}/runs/latest`), 'GET /v1/threads/:id/runs/latest', 200)
    expect(latest.run_id).toBe(second.run_id)
    expect((await client.call('GET', `/v1/threads/${id}/runs/active`)).body).toEqual({ active_run: null })
  })

  it('takes parts, system and assistant messages', async () => {
    const id = await newThread()
    const parts = [
      { type: 'text', text: 'look' },
      { type: 'image', url: 'https://example.org/a.png', media_type: 'image/png' },
    ]
    const { body } = await post(id, [
      user(parts),
      { role: 'system', content: 'be brief' },
      { role: 'assistant', content: 'ok' },
      user('go on'),
    ])
    await settled(body.run_id)
    const { messages } = (await client.call('GET', `/v1/threads/${id}/messages`)).body
    expect(messages.slice(0, 4).map(({ role }: any) => role)).toEqual(['user', 'system', 'assistant', 'user'])
    expect(messages[0].content).toEqual(parts)
  })

  it('refuses what is no message', async () => {
    const id = await newThread()
    const wrong: [unknown, RegExp][] = [
      [undefined, /messages/],
      [[], /at least one/],
      ['text', /list/],
      [[{ content: 'x' }], /messages\[0\]\.role/],
      [[{ role: 'owner', content: 'x' }], /user, assistant or system/],
      [[{ role: 'tool', content: 'x' }], /decision/],
      [[{ role: 'user' }], /content/],
      [[user([])], /content/],
      [[user([{ type: 'video', url: 'https://example.org' }])], /text, image or file/],
      [[user([{ type: 'image' }])], /url or data/],
      [[user('x', { id: 'a b' })], /id/],
      [[user('x', { id: 'same' }), user('y', { id: 'same' })], /twice/],
      [[user('nul \u0000')], /NUL/],
      [[user('half \ud800')], /surrogate/],
    ]
    for (const [messages, detail] of wrong) {
      const answer = await post(id, messages)
      expectProblem(answer, 400, 'invalid_request')
      expect(answer.body.detail).toMatch(detail)
    }
    const together: [object, RegExp][] = [
      [{ mode: 'nonsense' }, /mode must be one of/],
      [{ delivery: { boundary: 'tomorrow' } }, /delivery\.boundary/],
      [{ delivery: { bariere: true } }, /bariere/],
      [{ delivery: { target_run_id: 'r' } }, /target_run_id/],
      [{ mode: 'foreground', delivery: {} }, /delivery cannot be given/],
      [{ durable: true }, /durable needs exactly one message, with an id/],
      [{ queue: 'park' }, /queue says/],
    ]
    for (const [more, detail] of together) {
      const answer = await post(id, [user('x')], more)
      expectProblem(answer, 400, 'invalid_request')
      expect(answer.body.detail).toMatch(detail)
    }
    expectProblem(await post(id, [user('x', { id: 'd' })], { durable: true, mode: 'steer' }), 400, 'invalid_request')
    expectProblem(await post(id, [user('x')], { agent_id: 'nobody' }), 400, 'unknown_agent')
    expectProblem(
      await post(
        id,
        Array.from({ length: 101 }, () => user('x')),
      ),
      400,
      'invalid_request',
    )
    expectProblem(await post(id, [user('x')], { metadata: { big: 'x'.repeat(20_000) } }), 413, 'payload_too_large')
    expect((await client.call('GET', `/v1/threads/${id}/runs`)).body.total).toBe(0)
  })

  it('takes content up to its limit, and says 413 above', async () => {
    const id = await newThread()
    expect((await post(id, [user('x'.repeat(262_144))])).status).toBe(202)
    expectProblem(await post(id, [user('é'.repeat(131_072)), user('x')]), 413, 'payload_too_large')
    expectProblem(await post(id, [user('x'.repeat(4_200_000))]), 413, 'body_too_large')
  })

  it('is applied once with an Idempotency-Key, or with a message id', async () => {
    const id = await newThread()
    const headers = { 'Idempotency-Key': 'k 1' }
    const first = await post(id, [user('once')], {}, headers)
    expect((await post(id, [user('once')], {}, headers)).body).toEqual(first.body)
    const other = await post(id, [user('other')], {}, headers)
    expectProblem(other, 422, 'idempotency_conflict')
    expect(other.body.detail).toMatch(/^This key was used before with another request/)
    const named = await post(id, [user('named', { id: 'm-1' })])
    await settled(named.body.run_id)
    expect((await post(id, [user('named', { id: 'm-1' })])).body).toEqual(named.body)
    const changed = await post(id, [user('changed', { id: 'm-1' })])
    expectProblem(changed, 422, 'idempotency_conflict')
    expect(changed.body.detail).toMatch(/^Message id "m-1" was used before with another request/)
    expect(changed.body.message_ids).toEqual(['m-1'])
    expectProblem(await post(id, [user('a'), user('b', { id: 'm-1' })]), 409, 'message_id_conflict')
    expectProblem(await post(id, [user('x')], {}, { 'Idempotency-Key': 'x'.repeat(256) }), 400, 'invalid_request')
    expect((await client.call('GET', `/v1/threads/${id}/runs`)).body.total).toBe(2)
  })
})

describe('GET /v1/threads/:id/messages', () => {
  it('pages both ways and filters', async () => {
    const { body: run } = await client.run('one')
    const path = `/v1/threads/${run.thread_id as string}/messages`
    const { body: next } = await client.run('two', { thread_id: run.thread_id })
    await post(run.thread_id, [user('hidden', { visibility: 'internal' })])
    const seqs = async (query: string): Promise<number[]> =>
      (await client.call('GET', `${path}?${query}`)).body.messages.map((m: any) => m.message_seq)
    expect(await seqs('order=desc&limit=2&before=5')).toEqual([4, 3])
    expect(await seqs('after=1&before=4')).toEqual([2, 3])
    expect(await seqs(`run_id=${next.run_id as string}`)).toEqual([3, 4])
    expect(await seqs('visibility=internal')).toEqual([5])
    const first = (await client.call('GET', `${path}?limit=3`)).body
    expect(first).toMatchObject({ has_more: true, limit: 3 })
    expect(await seqs(`cursor=${first.next_cursor as string}&before=5`)).toEqual([4])
    expectProblem(await client.call('GET', `${path}?order=up`), 400, 'invalid_request')
    expectProblem(await client.call('GET', `${path}?order=desc&cursor=${first.next_cursor as string}`), 400, 'invalid_cursor')
  })
})

describe('the mailbox', () => {
  const box = `box-${mark}`
  it('takes any payload, creating the thread when it is new', async () => {
    const accepted = expectAnswer(
      await client.call('POST', `/v1/threads/${box}/mailbox`, { payload: { text: 'hi there' } }),
      'POST /v1/threads/:id/mailbox',
      201,
    )
    expect(accepted.thread_id).toBe(box)
    await settled(accepted.run_id)
    const other = await client.call('POST', `/v1/threads/${box}/mailbox`, { payload: { a: [1] } })
    await settled(other.body.run_id)
    const { messages } = (await client.call('GET', `/v1/threads/${box}/messages`)).body
    expect(messages.filter(({ role }: any) => role === 'user').map(({ content }: any) => content)).toEqual([
      'hi there',
      '{"a":[1]}',
    ])
    const list = expectAnswer(await client.call('GET', `/v1/threads/${box}/mailbox`), 'GET /v1/threads/:id/mailbox', 200)
    expect(list.items.map(({ dispatch_id }: any) => dispatch_id)).toEqual([other.body.dispatch_id, accepted.dispatch_id])
    expectAnswer(await client.call('GET', '/v1/dispatches?status=acked'), 'GET /v1/dispatches', 200)
    expectProblem(await client.call('GET', '/v1/dispatches?status=lost'), 400, 'invalid_request')
    expectProblem(await client.call('POST', `/v1/threads/${box}/mailbox`, {}), 400, 'invalid_request')
  })
})
