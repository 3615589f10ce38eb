import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient, expectProblem, type Client } from './support/client.ts'
import { expectAnswer } from './support/contract.ts'
import { mark, openService, type BlackBox } from './support/service.ts'

let service: BlackBox
let client: Client
beforeAll(async () => {
  service = await openService()
  client = createClient(service.url)
})
afterAll(async () => {
  await service.close()
  expect(service.errors).toEqual([])
})

const FORK = 'POST /v1/threads/:id/fork'
const name = (what: string): string => `fork-${what}-${mark}`
const fork = (id: string, body: object, headers?: Record<string, string>) =>
  client.call('POST', `/v1/threads/${id}/fork`, body, headers)
const texts = async (id: string): Promise<[number, string, unknown][]> => {
  const { messages } = (await client.call('GET', `/v1/threads/${id}/messages?limit=200`)).body
  return messages.map((row: any) => [row.message_seq, row.role, row.content])
}
async function talk(id: string, ...words: string[]): Promise<void> {
  for (const word of words) expect((await client.run(word, { thread_id: id })).body).toMatchObject({ status: 'done' })
}

describe('forks', () => {
  it('begin with the history up to a message, and both go on by themselves', async () => {
    const source = name('source')
    await talk(source, 'one', 'two', 'three')
    const all = await texts(source)
    expect(all).toHaveLength(6)
    const answer = await fork(source, { at_message_seq: 4, id: name('child'), title: 'Other way', custom: { k: 1 } })
    const child = expectAnswer(answer, FORK, 201)
    expect(answer.headers.get('location')).toBe(`/v1/threads/${child.id as string}`)
    expect(child).toMatchObject({
      id: name('child'),
      metadata: { title: 'Other way', custom: { k: 1 } },
      forked_from: { thread_id: source, at_message_seq: 4 },
      parent_thread_id: null,
      agent_id: 'default',
      status: 'idle',
      message_count: 4,
      last_event_seq: 1,
    })
    expect(expectAnswer(await client.call('GET', `/v1/threads/${child.id as string}`), 'GET /v1/threads/:id', 200)).toEqual(child)
    expect((await client.call('GET', `/v1/threads/${source}`)).body.forked_from).toBeNull()
    expect(await texts(child.id)).toEqual(all.slice(0, 4))

    await talk(child.id, 'left')
    await talk(source, 'right')
    expect(await texts(child.id)).toEqual([...all.slice(0, 4), [5, 'user', 'left'], [6, 'assistant', 'You said: left']])
    expect(await texts(source)).toEqual([...all, [7, 'user', 'right'], [8, 'assistant', 'You said: right']])
    const log = (await client.call('GET', `/v1/threads/${child.id as string}/events`)).body.items
    expect(log[0]).toMatchObject({
      event_seq: 1,
      kind: 'ThreadForked',
      payload: {
        thread_id: child.id,
        run_id: null,
        parent_thread_id: source,
        at_message_seq: 4,
        message_count: 4,
        agent_id: 'default',
      },
    })
    const committed = log.filter(({ kind }: any) => kind === 'MessageCommitted').map(({ payload }: any) => payload)
    expect(committed.map(({ message_seq }: any) => message_seq)).toEqual([5, 6])
    expect(committed[0].parent_message_id).toBe(log[0].payload.last_message_id)
  })

  it('refuse an id that the history has', async () => {
    const source = name('ids')
    const body = { agent_id: 'default', thread_id: source, messages: [{ id: `known-${mark}`, role: 'user', content: 'x' }] }
    await client.call('POST', '/v1/runs', body)
    const { id } = (await fork(source, { at_message_seq: 2 })).body
    const again = { messages: [{ id: `known-${mark}`, role: 'user', content: 'y' }] }
    expectProblem(await client.call('POST', `/v1/threads/${id as string}/messages`, again), 409, 'message_id_conflict')
  })

  it('are made once with an Idempotency-Key', async () => {
    const source = name('keyed')
    await talk(source, 'a', 'b')
    const headers = { 'Idempotency-Key': name('key') }
    const first = await fork(source, { at_message_seq: 2, title: 'T' }, headers)
    const both = await Promise.all([1, 2].map(() => fork(source, { at_message_seq: 2, title: 'T' }, headers)))
    for (const again of both) expect(again).toMatchObject({ status: 201, body: first.body })
    expectProblem(await fork(source, { at_message_seq: 2, title: 'U' }, headers), 422, 'idempotency_conflict')
    expectProblem(await fork(source, { at_message_seq: 4, title: 'T' }, headers), 422, 'idempotency_conflict')
    await talk(first.body.id, 'c')
    expect((await fork(source, { at_message_seq: 2, title: 'T' }, headers)).body.id).toBe(first.body.id)
    await client.call('DELETE', `/v1/threads/${source}`)
    expect((await fork(source, { at_message_seq: 2, title: 'T' }, headers)).body.id).toBe(first.body.id)
    expect((await texts(first.body.id)).map(([, , content]) => content)).toEqual(['a', 'You said: a', 'c', 'You said: c'])
    expectProblem(await fork(source, { at_message_seq: 2 }), 410, 'thread_deleted')
  })

  it('are refused where nothing is', async () => {
    const source = name('refused')
    await talk(source, 'a')
    for (const at_message_seq of [0, -1, 1.5, '1', null])
      expectProblem(await fork(source, { at_message_seq }), 400, 'invalid_request')
    expectProblem(await fork(source, {}), 400, 'invalid_request')
    const beyond = await fork(source, { at_message_seq: 3 })
    expectProblem(beyond, 404, 'message_not_found')
    expect(beyond.body).toMatchObject({ last_message_seq: 2, detail: expect.stringContaining('its last is 2') })
    expectProblem(await fork(source, { at_message_seq: Number.MAX_SAFE_INTEGER }), 404, 'message_not_found')
    const { id } = (await client.call('POST', '/v1/threads', {})).body
    expectProblem(await fork(id, { at_message_seq: 1 }), 404, 'message_not_found')
    expectProblem(await fork('nobody', { at_message_seq: 1 }), 404, 'thread_not_found')
    expectProblem(await fork(source, { at_message_seq: 1, id: source }), 409, 'thread_exists')
    expectProblem(await fork(source, { at_message_seq: 1, parent_thread_id: 'nobody' }), 400, 'parent_not_found')
    expect((await fork(source, { at_message_seq: 1, parent_thread_id: source })).body).toMatchObject({ parent_thread_id: source })
  })

  it('may be made while the thread runs or waits, but not between a call and its result', async () => {
    const source = name('waits')
    const call = '/tool send_email {"to":"a@example.org","subject":"s","body":"b"}'
    const waiting = await client.run(call, { thread_id: source })
    expect(waiting.body).toMatchObject({ status: 'waiting' })
    const early = await fork(source, { at_message_seq: 2 })
    expectProblem(early, 409, 'open_tool_calls')
    expect(early.body).toMatchObject({
      nearest: { before: 1, after: null },
      detail: expect.stringContaining('Fork at 1 instead'),
    })
    const before = expectAnswer(await fork(source, { at_message_seq: 1 }), FORK, 201)
    await talk(before.id, 'no email, please')
    expect((await texts(before.id)).map(([, , content]) => content)).toEqual([
      call,
      'no email, please',
      'You said: no email, please',
    ])
    const decision = { tool_call_id: waiting.body.waiting.tickets[0].tool_call_id, action: 'resume' }
    await client.call('POST', `/v1/runs/${waiting.body.run_id as string}/decision`, decision)
    await client.call('GET', `/v1/runs/${waiting.body.run_id as string}/wait?timeout_ms=5000`)
    expect((await fork(source, { at_message_seq: 2 })).body).toMatchObject({ nearest: { before: 1, after: 3 } })
    await talk(expectAnswer(await fork(source, { at_message_seq: 3 }), FORK, 201).id, 'and now?')
  })

  it('have receipts of what they inherited, and answer no more for what their source goes on with', async () => {
    const source = name('receipts')
    const ids = [1, 2, 3].map((n) => `${mark}-r${String(n)}`)
    const post = (id: string, more: object) =>
      client.call('POST', `/v1/threads/${id}/messages`, { messages: [{ role: 'user', content: 'x', ...more }] })
    await client.call('POST', '/v1/threads', { id: source })
    const [first, waiting, queued] = ids
    const { run_id } = (await post(source, { id: first })).body
    await client.call('GET', `/v1/runs/${run_id as string}/wait?timeout_ms=5000`)
    const call = '/tool send_email {"to":"a@example.org","subject":"s","body":"b"}'
    const open = (await post(source, { id: waiting, content: call })).body.run_id as string
    await client.call('GET', `/v1/runs/${open}/wait?timeout_ms=5000`)
    expect(
      await client.call('POST', `/v1/threads/${source}/messages`, {
        messages: [{ id: queued, role: 'user', content: 'z' }],
        delivery: { boundary: 'new_run' },
      }),
    ).toMatchObject({ status: 202, body: { status: 'queued' } })

    const child = (await fork(source, { at_message_seq: 2 })).body
    const receipt = (id: string, message: string | undefined) =>
      client.call('GET', `/v1/threads/${id}/messages/${message ?? ''}/receipt`)
    const inherited = expectAnswer(await receipt(child.id, first), 'GET /v1/threads/:id/messages/:mid/receipt', 200)
    expect(inherited).toMatchObject({ message_id: first, state: 'consumed', run_id, step: 1, message_seq: 1 })
    expect(inherited).toEqual((await receipt(source, first)).body)
    for (const message of [waiting, queued]) {
      expect((await receipt(source, message)).status).toBe(200)
      expectProblem(await receipt(child.id, message), 404, 'message_not_found')
    }
    // The source's open run, its ticket and its queue stay its own.
    expect(child).toMatchObject({ status: 'idle', active_run_id: null, last_event_seq: 1 })
    expect((await client.call('GET', `/v1/threads/${child.id as string}/runs`)).body.total).toBe(0)
    expect((await client.call('GET', `/v1/threads/${child.id as string}/pending`)).body.total).toBe(0)
    expect((await client.call('GET', `/v1/inbox?thread_id=${child.id as string}`)).body.total).toBe(0)
    // Nothing of the source is left, and what the fork has of it reads as before.
    await client.call('DELETE', `/v1/threads/${source}`)
    expect((await receipt(child.id, first)).body).toEqual(inherited)
    expectProblem(await client.call('GET', `/v1/runs/${run_id as string}`), 404, 'run_not_found')
    expect((await client.call('GET', `/v1/threads/${child.id as string}`)).body.forked_from).toEqual({
      thread_id: source,
      at_message_seq: 2,
    })
    await talk(child.id, 'after')
    expect((await texts(child.id)).map(([seq]) => seq)).toEqual([1, 2, 3, 4])
  })

  it('of forks page as one conversation, and one that is deleted leaves the others alone', async () => {
    const [a, b, c] = [name('a'), name('b'), name('c')]
    await talk(a, 'a1', 'a2')
    await fork(a, { at_message_seq: 2, id: b })
    await talk(b, 'b1')
    await fork(b, { at_message_seq: 4, id: c })
    await talk(c, 'c1')
    const whole = ['a1', 'You said: a1', 'b1', 'You said: b1', 'c1', 'You said: c1']
    const pages = async (order: string): Promise<[string[], number[]]> => {
      const [found, totals]: [string[], number[]] = [[], []]
      for (let cursor = '', more = true; more;) {
        const { body } = await client.call('GET', `/v1/threads/${c}/messages?limit=4&order=${order}${cursor}`)
        found.push(...body.messages.map(({ content }: any) => content))
        totals.push(body.total)
        cursor = `&cursor=${encodeURIComponent(body.next_cursor)}`
        more = body.has_more
      }
      return [found, totals]
    }
    const check = async (): Promise<void> => {
      expect(await pages('asc')).toEqual([whole, [6, 6]])
      expect(await pages('desc')).toEqual([[...whole].reverse(), [6, 6]])
      const { messages } = (await client.call('GET', `/v1/threads/${c}/messages?after=1&before=5`)).body
      expect(messages.map(({ message_seq, thread_id }: any) => [message_seq, thread_id])).toEqual([2, 3, 4].map((n) => [n, c]))
    }
    await check()
    expect((await client.call('DELETE', `/v1/threads/${b}`)).status).toBe(204)
    await check()
    expect((await texts(a)).map(([, , content]) => content)).toEqual(['a1', 'You said: a1', 'a2', 'You said: a2'])
    expect((await client.call('DELETE', `/v1/threads/${a}`)).status).toBe(204)
    await check()
  })
})
