import { describe, expect, it } from 'vitest'
import { client, scene } from './support/black-box.ts'
import { expectProblem, type Answered } from './support/client.ts'
import { expectAnswer } from './support/contract.ts'
import { EMAIL } from './support/threads.ts'

const DECISION = 'POST /v1/runs/:id/decision'
const ASK = '/tool ask_user {"question":"which?"}'
const decide = (run: any, body: object): Promise<Answered> =>
  client.call('POST', `/v1/runs/${run.run_id as string}/decision`, body)
const ticketsOf = (run: any): any[] => run.waiting.tickets
async function results(run: any): Promise<any[]> {
  const path = `/v1/threads/${run.thread_id as string}/messages?visibility=all&run_id=${run.run_id as string}`
  const { messages } = (await client.call('GET', path)).body
  return messages.filter(({ role }: any) => role === 'tool').flatMap(({ content }: any) => content)
}

describe('a decision', () => {
  const sent = { status: 'success', data: { sent: true, to: 'a@b.c' } }
  const denied = (reason: string | null, message: string) => ({
    status: 'error',
    data: { denied: true, reason },
    message,
  })
  it.each([
    [EMAIL, { action: 'resume' }, sent],
    [EMAIL, { action: 'resume', payload: { approved: true } }, sent],
    [
      EMAIL,
      { action: 'resume', payload: { approved: true, edited_args: { to: 'x@y.z', subject: 't' } } },
      { status: 'success', data: { sent: true, to: 'x@y.z', subject: 't' } },
    ],
    [EMAIL, { action: 'resume', payload: { result: { sent: 'by hand' } } }, { status: 'success', data: { sent: 'by hand' } }],
    [EMAIL, { action: 'resume', payload: { approved: false, reason: 'not now' } }, denied('not now', 'denied: not now')],
    [EMAIL, { action: 'resume', payload: { approved: false } }, denied(null, 'denied')],
    [EMAIL, { action: 'cancel', reason: 'never' }, denied('never', 'denied: never')],
    [EMAIL, { action: 'cancel', by: { id: 'u1', name: 'Ada' } }, denied(null, 'denied by Ada')],
    [EMAIL, { action: 'cancel', by: {} }, denied(null, 'denied')],
    [ASK, { action: 'resume', payload: { result: 'the red one' } }, { status: 'success', data: 'the red one' }],
    [ASK, { action: 'resume', payload: 'the blue one' }, { status: 'success', data: 'the blue one' }],
  ])('on %s: %j', async (content, body, result) => {
    const run = await scene.waiting(content)
    const [{ tool_call_id }] = ticketsOf(run)
    expectAnswer(await decide(run, { tool_call_id, ...body }), DECISION, 202)
    expect(await scene.settled(run.run_id)).toMatchObject({ status: 'done', termination: { type: 'natural_end' } })
    expect(await results(run)).toMatchObject([{ tool_call_id, ...result }])
  })

  it('is not taken with arguments that do not fit the tool, and the ticket stays open', async () => {
    const run = await scene.waiting()
    const [{ tool_call_id, ticket_id }] = ticketsOf(run)
    const edit = (edited_args: unknown) => ({ action: 'resume', payload: { approved: true, edited_args } })
    for (const named of [{ tool_call_id }, { ticket_id }])
      for (const place of ['runs', 'threads'] as const)
        for (const id of [run.run_id, run.thread_id] as string[]) {
          const body = { ...named, ...edit({ to: 7, subject: 't' }), decision_id: 'd-1' }
          const answer = await client.call('POST', `/v1/${place}/${id}/decision`, body)
          expectProblem(answer, 400, 'invalid_arguments')
          expect(answer.body).toMatchObject({ tool_call_id, ticket_id, tool_name: 'send_email' })
          expect(answer.body.detail).toMatch(/^payload\.edited_args: .*send_email: to: .*Nothing was decided\.$/)
        }
    expect((await client.call('GET', `/v1/runs/${run.run_id as string}`)).body).toEqual(run)
    const body = { tool_call_id, ...edit({ to: 'x@y.z', subject: 't' }), decision_id: 'd-1' }
    const first = await decide(run, body)
    expectAnswer(first, DECISION, 202)
    await scene.settled(run.run_id)
    expect(await results(run)).toMatchObject([{ tool_call_id, status: 'success', data: { to: 'x@y.z' } }])
    expect((await decide(run, body)).body).toEqual(first.body)
  })

  it('is not taken with such arguments either while other calls of the step still work', async () => {
    const { thread_id, run_id } = await scene.start([EMAIL, '/tool sleep {"ms":20000}'].join('\n'))
    let items: any[] = []
    while (items.length === 0) ({ items } = (await client.call('GET', `/v1/inbox?thread_id=${thread_id as string}`)).body)
    const { ticket_id } = items[0]
    expect((await client.call('GET', `/v1/runs/${run_id as string}`)).body.status).toBe('running')
    const body = { ticket_id, action: 'resume', payload: { edited_args: {} } }
    expectProblem(await decide({ run_id }, body), 400, 'invalid_arguments')
    await client.call('POST', `/v1/runs/${run_id as string}/cancel`)
  })

  it('of a call that is answered from outside is the answer, whatever it looks like', async () => {
    const run = await scene.waiting(ASK)
    const [{ tool_call_id }] = ticketsOf(run)
    const payload = { edited_args: { question: 7 } }
    expectAnswer(await decide(run, { tool_call_id, action: 'resume', payload }), DECISION, 202)
    await scene.settled(run.run_id)
    expect(await results(run)).toMatchObject([{ tool_call_id, status: 'success', data: payload }])
  })

  it.each([
    [EMAIL, { payload: { aproved: false } }, /payload\.aproved is not known/],
    [EMAIL, { payload: { approve: false } }, /payload\.approve is not known/],
    [EMAIL, { payload: { approved: 'false' } }, /payload\.approved must be true or false/],
    [EMAIL, { payload: { approved: null } }, /payload\.approved must be true or false/],
    [EMAIL, { payload: false }, /payload must be an object/],
    [EMAIL, { payload: 'no' }, /payload must be an object/],
    [EMAIL, { payload: { approved: false, remember: true } }, /payload\.remember cannot be given/],
    [EMAIL, { payload: { approved: false, edited_args: { to: 7 } } }, /payload\.edited_args cannot be given/],
    [EMAIL, { payload: { approved: false, result: {} } }, /payload\.result cannot be given/],
    [EMAIL, { payload: { result: {}, edited_args: { to: 'x@y.z', subject: 't' } } }, /Give one of them/],
    [EMAIL, { payload: { edited_args: 'x' } }, /payload\.edited_args must be an object/],
    [ASK, {}, /give the answer as payload\.result/],
    [ASK, { payload: null }, /give the answer as payload\.result/],
    [ASK, { payload: { approved: false, result: 'x' } }, /payload\.result cannot be given/],
  ])('on %s that is not clear decides nothing: %j', async (content, body, detail) => {
    const run = await scene.waiting(content)
    const [{ tool_call_id }] = ticketsOf(run)
    for (const path of [`/v1/runs/${run.run_id as string}`, `/v1/threads/${run.thread_id as string}`]) {
      const answer = await client.call('POST', `${path}/decision`, { tool_call_id, action: 'resume', ...body })
      expectProblem(answer, 400, 'invalid_decision')
      expect(answer.body.detail).toMatch(detail)
      expect(answer.body.detail).toMatch(/Nothing was decided\.$/)
    }
    expect((await client.call('GET', `/v1/runs/${run.run_id as string}`)).body).toEqual(run)
    await client.call('POST', `/v1/runs/${run.run_id as string}/cancel`)
  })

  it('can be remembered for the thread', async () => {
    const run = await scene.waiting()
    const [{ ticket_id }] = ticketsOf(run)
    await decide(run, { ticket_id, action: 'resume', payload: { approved: true, remember: true } })
    await scene.settled(run.run_id)
    const { body } = await scene.post(run.thread_id, EMAIL)
    expect(await scene.settled(body.run_id)).toMatchObject({ status: 'done', termination: { type: 'natural_end' } })
  })

  it('comes for each ticket of a step, in any order and at once', async () => {
    const run = await scene.waiting([EMAIL, ASK, EMAIL].join('\n'))
    const [first, second, third] = ticketsOf(run)
    expect(ticketsOf(run)).toHaveLength(3)
    const answer = await decide(run, { ticket_id: third.ticket_id, action: 'cancel' })
    expect(answer.status).toBe(202)
    const open = (await client.call('GET', `/v1/runs/${run.run_id as string}`)).body
    expect(open).toMatchObject({ status: 'waiting' })
    expect(ticketsOf(open).map(({ ticket_id }) => ticket_id)).toEqual([first.ticket_id, second.ticket_id])
    const both = await Promise.all([
      decide(run, { ticket_id: second.ticket_id, action: 'resume', payload: { result: 2 } }),
      decide(run, { ticket_id: first.ticket_id, action: 'resume' }),
    ])
    expect(both.map(({ status }) => status)).toEqual([202, 202])
    expect(await scene.settled(run.run_id)).toMatchObject({ status: 'done' })
    const byCall = new Map((await results(run)).map((result) => [result.tool_call_id, result]))
    expect(byCall.get(first.tool_call_id)).toMatchObject({ data: { sent: true } })
    expect(byCall.get(second.tool_call_id)).toMatchObject({ data: 2 })
    expect(byCall.get(third.tool_call_id)).toMatchObject({ data: { denied: true } })
  })

  it('is one: a repeat gets its answer, and whoever comes later is told who was first', async () => {
    const run = await scene.waiting()
    const [{ tool_call_id, ticket_id }] = ticketsOf(run)
    const by = { id: 'u1', name: 'Ada' }
    const body = { tool_call_id, action: 'resume', decision_id: 'd-1', by }
    const first = await decide(run, body)
    for (const again of [body, { ...body, by: { id: 'u2' } }]) expect((await decide(run, again)).body).toEqual(first.body)
    await scene.settled(run.run_id)
    const changed = await decide(run, { ...body, action: 'cancel' })
    expectProblem(changed, 422, 'idempotency_conflict')
    expect(changed.body.detail).toMatch(/^Decision id "d-1" was used before with another decision/)
    for (const other of [{ ticket_id }, { tool_call_id, decision_id: 'd-2' }]) {
      const late = await decide(run, { ...other, action: 'cancel', by: { id: 'u3' } })
      expectProblem(late, 409, 'already_decided')
      expect(late.body).toMatchObject({ decision_id: 'd-1', decided_by: by, decided_at: expect.stringMatching(/Z$/) })
    }
    const { items } = (await client.call('GET', `/v1/runs/${run.run_id as string}/events?limit=200`)).body
    const [received] = items.filter(({ kind }: any) => kind === 'MailboxDecisionReceived')
    expect(received.payload).toMatchObject({ decided_by: by, origin: 'http', delivery_path: 'durable' })
    expect((await results(run)).length).toBe(1)
    expectProblem(await decide(run, { tool_call_id, action: 'resume', by: { name: 'x'.repeat(257) } }), 400, 'invalid_request')
    expectProblem(await decide(run, { tool_call_id, action: 'resume', by: 'Ada' }), 400, 'invalid_request')
  })

  it('on nothing that waits is refused, and the wait goes on', async () => {
    const run = await scene.waiting()
    for (const body of [{ tool_call_id: 'x' }, { ticket_id: 'y' }, { ticket_id: run.run_id }])
      expectProblem(await decide(run, { ...body, action: 'cancel' }), 404, 'ticket_not_found')
    expectProblem(await decide({ run_id: 'nobody' }, { tool_call_id: 'x', action: 'resume' }), 404, 'run_not_found')
    const after = (await client.call('GET', `/v1/runs/${run.run_id as string}`)).body
    expect(after).toEqual(run)
  })
})

describe('GET /v1/inbox', () => {
  it('lists what waits, oldest first', async () => {
    const runs = [await scene.waiting([EMAIL, ASK].join('\n')), await scene.waiting()]
    const mine = (items: any[]): string[] =>
      items.filter(({ run_id }) => runs.some((run) => run.run_id === run_id)).map(({ ticket_id }) => ticket_id)
    const all = expectAnswer(await client.call('GET', '/v1/inbox?limit=200'), 'GET /v1/inbox', 200)
    const wanted = runs.flatMap(ticketsOf).map(({ ticket_id }) => ticket_id)
    // The tickets of one step are of one moment, and stand in any order.
    expect(mine(all.items).toSorted()).toEqual(wanted.toSorted())
    expect(mine(all.items).at(-1)).toBe(wanted.at(-1))
    const [{ thread_id, run_id, agent_id }] = runs
    const path = `/v1/inbox?thread_id=${thread_id as string}`
    const of = expectAnswer(await client.call('GET', path), 'GET /v1/inbox', 200)
    expect(of).toMatchObject({ total: 2, has_more: false })
    expect(of.items).toContainEqual({ thread_id, run_id, agent_id, ...ticketsOf(runs[0])[0] })
    const page = (await client.call('GET', `${path}&limit=1`)).body
    const next = (await client.call('GET', `${path}&cursor=${page.next_cursor as string}`)).body
    expect([...page.items, ...next.items]).toEqual(of.items)
    expectProblem(await client.call('GET', `/v1/inbox?cursor=${page.next_cursor as string}`), 400, 'invalid_cursor')
    await decide(runs[0], { ticket_id: wanted[0], action: 'resume' })
    await client.call('POST', `/v1/runs/${runs[1].run_id as string}/cancel?wait=true`)
    expect(mine((await client.call('GET', '/v1/inbox?limit=200')).body.items)).toEqual([wanted[1]])
  })
})

describe('GET /v1/threads/:id/state', () => {
  it('shows what tools keep', async () => {
    const { thread_id, run_id } = await scene.start('/tool remember {"key":"colour","value":"red"}')
    await scene.settled(run_id)
    const path = `/v1/threads/${thread_id as string}/state`
    const answer = expectAnswer(await client.call('GET', path), 'GET /v1/threads/:id/state', 200)
    expect(answer).toEqual({ thread_id, state: { colour: 'red' } })
    const next = (await scene.post(thread_id, '/tool remember {"key":"colour","value":null}')).body
    await scene.settled(next.run_id)
    expect((await client.call('GET', path)).body.state).toEqual({})
  })
})

describe('what ends a run', () => {
  const states = ['queued', 'running', 'waiting'] as const
  const names = ['run_id', 'dispatch_id', 'thread_id'] as const
  it.each(
    states
      .flatMap((state) => names.map((name) => [state, name] as const))
      .filter(([state, name]) => state !== 'queued' || name !== 'thread_id'),
  )('a cancel of a %s one by %s, and it says when it has', async (state, name) => {
    const first = await scene.start(state === 'waiting' ? EMAIL : '/slow 20000 a b c')
    if (state === 'waiting') await scene.settled(first.run_id)
    const run = state === 'queued' ? (await scene.post(first.thread_id, 'later')).body : first
    for (const place of name === 'thread_id' ? ['runs', 'threads'] : ['threads', 'runs']) {
      const answer = await client.call('POST', `/v1/${place}/${run[name] as string}/cancel?wait=true`)
      if (place === (name === 'thread_id' ? 'threads' : 'runs')) {
        expectProblem(answer, 404, 'run_not_found')
        continue
      }
      expect(expectAnswer(answer, `POST /v1/${place}/:id/cancel`, 202)).toMatchObject({
        run_id: run.run_id,
        run: { run_id: run.run_id, status: 'done', termination: { type: 'cancelled' }, waiting: null },
      })
    }
    if (state === 'queued') {
      expect((await client.call('GET', `/v1/runs/${first.run_id as string}`)).body.status).toBe('running')
      await client.call('POST', `/v1/threads/${first.thread_id as string}/cancel`)
    }
  })

  it.each(['/slow 20000 a b c', EMAIL])('the end of its thread: %s', async (content) => {
    const { thread_id, run_id } = await scene.start(content)
    if (content === EMAIL) await scene.settled(run_id)
    await scene.post(thread_id, 'later', { mode: 'queue', delivery: {} })
    expect((await client.call('DELETE', `/v1/threads/${thread_id as string}`)).status).toBe(204)
    expectProblem(await client.call('GET', `/v1/runs/${run_id as string}`), 404, 'run_not_found')
    expectProblem(await client.call('POST', `/v1/runs/${run_id as string}/cancel`), 404, 'run_not_found')
    const { items } = (await client.call('GET', `/v1/inbox?thread_id=${thread_id as string}`)).body
    expect(items).toEqual([])
  })
})
