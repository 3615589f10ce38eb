import { describe, expect, it } from 'vitest'
import { client } from './support/black-box.ts'
import { expectProblem } from './support/client.ts'
import { expectAnswer } from './support/contract.ts'
import { mark } from './support/service.ts'

const user = (content: string) => ({ messages: [{ role: 'user', content }] })
const EMAIL = '/tool send_email {"to":"a@b.c","subject":"s","body":"b"}'
const start = async (content: string): Promise<any> => {
  const { body: thread } = await client.call('POST', '/v1/threads', {})
  return (await client.call('POST', `/v1/threads/${thread.id as string}/messages`, user(content))).body
}
const waiting = async (): Promise<any> =>
  (await client.call('GET', `/v1/runs/${((await start(EMAIL)) as any).run_id as string}/wait`)).body
const settled = async (run_id: string): Promise<any> => (await client.call('GET', `/v1/runs/${run_id}/wait`)).body

describe('runs', () => {
  it('are waited for, read and listed', async () => {
    const run = await start('/slow 15000 a b c d')
    expectProblem(await client.call('GET', `/v1/runs/${run.run_id as string}/wait?timeout_ms=50`), 408, 'wait_timeout')
    await client.call('POST', `/v1/runs/${run.run_id as string}/cancel`)
    const done = expectAnswer(
      await client.call('GET', `/v1/runs/${run.run_id as string}/wait?timeout_ms=5000`),
      'GET /v1/runs/:id/wait',
      200,
    )
    expect(done).toMatchObject({ status: 'done', thread_id: run.thread_id, started_at: expect.stringMatching(/\.\d{3}Z$/) })
    expectAnswer(await client.call('GET', `/v1/runs/${run.run_id as string}`), 'GET /v1/runs/:id', 200)
    const list = expectAnswer(await client.call('GET', '/v1/runs?status=done&limit=200'), 'GET /v1/runs', 200)
    expect(list.items.map(({ run_id }: any) => run_id)).toContain(run.run_id)
    const own = expectAnswer(
      await client.call('GET', `/v1/threads/${run.thread_id as string}/runs`),
      'GET /v1/threads/:id/runs',
      200,
    )
    expect(own.total).toBe(1)
    for (const path of ['/v1/runs', `/v1/threads/${run.thread_id as string}/runs`])
      expectProblem(await client.call('GET', `${path}?status=open`), 400, 'invalid_request')
  })

  it('are not found under ids that name none', async () => {
    const requests: [string, string, unknown?][] = [
      ['GET', ''],
      ['GET', '/wait'],
      ['GET', '/stream'],
      ['GET', '/events'],
      ['GET', '/events/stream'],
      ['POST', '/cancel'],
      ['POST', '/decision', { tool_call_id: 'x', action: 'resume' }],
    ]
    for (const [method, rest, body] of requests)
      for (const id of ['nobody', 'a%20b', '%2e%2e%2f', '%zz'])
        expectProblem(await client.call(method, `/v1/runs/${id}${rest}`, body), 404, id === '%zz' ? 'not_found' : 'run_not_found')
    const { body: thread } = await client.call('POST', '/v1/threads', {})
    expectProblem(await client.call('GET', `/v1/threads/${thread.id as string}/runs/latest`), 404, 'run_not_found')
  })
})

describe('POST /v1/runs', () => {
  it('refuses what cannot be run', async () => {
    const message = [{ role: 'user', content: 'x' }]
    for (const body of [
      { messages: message },
      { agent_id: '', messages: message },
      { agent_id: 'default' },
      { agent_id: 'default', messages: [] },
    ])
      expectProblem(await client.call('POST', '/v1/runs', body), 400, 'invalid_request')
    expectProblem(await client.call('POST', '/v1/runs', { agent_id: 'nobody', messages: message }), 400, 'unknown_agent')
    expectProblem(await client.run('x', { on_disconnect: 'explode' }), 400, 'invalid_request')
    expectProblem(await client.run('x', { thread_id: 'a b' }), 400, 'invalid_request')
    expectProblem(await client.run('x', { overrides: { max_steps: 0 } }), 400, 'invalid_request')
    const answer = await client.call('POST', '/v1/runs', { agentId: 'default', threadId: `aliased-${mark}`, messages: message })
    expect(expectAnswer(answer, 'POST /v1/runs', 200).thread_id).toBe(`aliased-${mark}`)
    expectProblem(
      await client.call('POST', '/v1/runs', { agent_id: 'default', messages: message }, { accept: 'text/html' }),
      406,
      'not_acceptable',
    )
  })

  it('is one run for one key, on a thread that the key names', async () => {
    const headers = { 'Idempotency-Key': `new ${mark}` }
    const body = { agent_id: 'default', ...user('hi') }
    const first = await client.call('POST', '/v1/runs', body, headers)
    const second = await client.call('POST', '/v1/runs', body, headers)
    expect(second.body).toEqual(first.body)
    expectProblem(
      await client.call('POST', '/v1/runs', { agent_id: 'default', ...user('ho') }, headers),
      422,
      'idempotency_conflict',
    )
  })
})

describe('decisions', () => {
  it('are taken by run, dispatch or thread id, from both addresses', async () => {
    for (const [place, idOf] of [
      ['runs', (run: any) => run.run_id],
      ['runs', (run: any) => run.dispatch_id],
      ['runs', (run: any) => run.thread_id],
      ['threads', (run: any) => run.thread_id],
      ['threads', (run: any) => run.run_id],
    ] as [string, (run: any) => string][]) {
      const run = await waiting()
      const [{ tool_call_id, ticket_id }] = run.waiting.tickets
      const answer = await client.call('POST', `/v1/${place}/${idOf(run)}/decision`, { ticket_id, action: 'resume' })
      expectAnswer(answer, `POST /v1/${place}/:id/decision`, 202)
      expect(answer.body).toMatchObject({ run_id: run.run_id, thread_id: run.thread_id, tool_call_id, ticket_id })
      expect(await settled(run.run_id)).toMatchObject({ status: 'done' })
    }
  })

  it('give the first answer again, and refuse a second opinion', async () => {
    const run = await waiting()
    const [{ tool_call_id }] = run.waiting.tickets
    const path = `/v1/runs/${run.run_id as string}/decision`
    const denial = { toolCallId: tool_call_id, action: 'cancel', reason: 'no', decision_id: 'd-1' }
    const first = await client.call('POST', path, denial)
    expect(first.status).toBe(202)
    expect((await client.call('POST', path, denial)).body).toEqual(first.body)
    const second = await client.call('POST', path, { tool_call_id, action: 'resume', decision_id: 'd-2' })
    expectProblem(second, 409, 'already_decided')
    expect(second.body).toMatchObject({ decision_id: 'd-1', decided_at: expect.stringMatching(/Z$/) })
    expect(await settled(run.run_id)).toMatchObject({ status: 'done', termination: { type: 'natural_end' } })
  })

  it('say what is wrong before they look anything up', async () => {
    for (const place of ['runs', 'threads']) {
      expectProblem(
        await client.call('POST', `/v1/${place}/nobody/decision`, { tool_call_id: 'x', action: 'maybe' }),
        400,
        'invalid_request',
      )
      expectProblem(await client.call('POST', `/v1/${place}/nobody/decision`, { action: 'resume' }), 400, 'invalid_request')
    }
    const run = await waiting()
    const unknown = await client.call('POST', `/v1/runs/${run.run_id as string}/decision`, {
      tool_call_id: 'x',
      action: 'resume',
    })
    expectProblem(unknown, 404, 'ticket_not_found')
    expect(await settled(run.run_id)).toMatchObject({ status: 'waiting' })
  })
})

describe('cancel and interrupt', () => {
  it('cancel by run, dispatch or thread id', async () => {
    for (const [place, idOf] of [
      ['runs', (run: any) => run.run_id],
      ['runs', (run: any) => run.dispatch_id],
      ['threads', (run: any) => run.thread_id],
    ] as [string, (run: any) => string][]) {
      const run = await start('/slow 15000 a b c')
      const answer = await client.call('POST', `/v1/${place}/${idOf(run)}/cancel?wait=true`)
      const body = expectAnswer(answer, `POST /v1/${place}/:id/cancel`, 202)
      expect(body).toMatchObject({
        status: 'cancel_requested',
        run_id: run.run_id,
        run: { status: 'done', termination: { type: 'cancelled' } },
      })
      expectProblem(await client.call('POST', `/v1/${place}/${idOf(run)}/cancel`), 404, 'run_not_found')
    }
    const run = await waiting()
    expectAnswer(await client.call('POST', `/v1/runs/${run.run_id as string}/cancel`, {}), 'POST /v1/runs/:id/cancel', 202)
    expect(await settled(run.run_id)).toMatchObject({ status: 'done', termination: { type: 'cancelled' } })
  })

  it('interrupts what runs and what is queued', async () => {
    const run = await start('/slow 15000 a b c')
    const path = `/v1/threads/${run.thread_id as string}`
    const { body: queued } = await client.call('POST', `${path}/messages`, user('later'))
    expectProblem(await client.call('POST', `${path}/interrupt`, { queue: 'burn' }), 400, 'invalid_request')
    const body = expectAnswer(await client.call('POST', `${path}/interrupt`), 'POST /v1/threads/:id/interrupt', 202)
    expect(body).toMatchObject({
      status: 'interrupt_requested',
      run_id: run.run_id,
      superseded_dispatches: 1,
      undelivered_messages: 1,
    })
    expect(await settled(run.run_id)).toMatchObject({ termination: { type: 'cancelled' } })
    expect(await settled(queued.run_id)).toMatchObject({ termination: { type: 'superseded' } })
    expectProblem(await client.call('POST', `${path}/interrupt`), 404, 'nothing_to_interrupt')
  })
})
