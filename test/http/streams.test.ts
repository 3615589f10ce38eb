import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient, type Client } from './support/client.ts'
import { mark, openService, type BlackBox } from './support/service.ts'

let service: BlackBox
let client: Client
beforeAll(async () => {
  service = await openService()
  client = createClient(service.url)
})
afterAll(async () => {
  await service.close()
})

const kinds = (frames: any[]): string[] => {
  const all = frames.map(({ event_type }) => event_type as string)
  return all.filter((kind, index) => kind !== all[index - 1] || !kind.endsWith('_delta'))
}
const text = (frames: any[]): string =>
  frames.flatMap(({ event_type, delta }) => (event_type === 'text_delta' ? [delta] : [])).join('')
const submit = (content: string, more: object = {}) => ({ agent_id: 'default', messages: [{ role: 'user', content }], ...more })

describe('POST /v1/runs', () => {
  it('streams a plain run in its order', async () => {
    const stream = await client.stream('POST', '/v1/runs', submit('hello there'))
    const frames = await stream.all()
    expect(stream.response.status).toBe(200)
    expect(stream.response.headers.get('content-type')).toMatch('text/event-stream')
    expect(kinds(frames)).toEqual(['run_start', 'step_start', 'text_delta', 'inference_complete', 'step_end', 'run_finish'])
    const finish = frames.at(-1)
    expect(stream.response.headers.get('content-location')).toBe(`/v1/runs/${finish.run_id}`)
    expect(finish).toMatchObject({ termination: { type: 'natural_end' }, result: { response: text(frames) } })
    expect(frames.filter(({ event_type }) => event_type === 'text_delta').length).toBeGreaterThan(1)
    expect(stream.frames.at(-1)?.id).toEqual(expect.any(String))
    expect((await client.call('GET', `/v1/runs/${finish.run_id}`)).body).toMatchObject({
      status: 'done',
      final_output: text(frames),
    })
  })

  it('streams tool calls between the steps', async () => {
    const frames = await (await client.stream('POST', '/v1/runs', submit('/tool get_weather {"city":"Oslo"}'))).all()
    expect(kinds(frames)).toEqual([
      'run_start',
      'step_start',
      'tool_call_start',
      'tool_call_delta',
      'inference_complete',
      'tool_call_ready',
      'tool_call_done',
      'step_end',
      'step_start',
      'text_delta',
      'inference_complete',
      'step_end',
      'run_finish',
    ])
    const done = frames.find(({ event_type }) => event_type === 'tool_call_done')
    expect(done).toMatchObject({ result: { tool_name: 'get_weather', status: 'success' }, outcome: 'succeeded' })
  })
  it('streams reasoning before the answer', async () => {
    const frames = await (await client.stream('POST', '/v1/runs', submit('/think let me see\nhi'))).all()
    expect(kinds(frames).slice(0, 4)).toEqual(['run_start', 'step_start', 'reasoning_delta', 'text_delta'])
  })

  it('resets the stream when an attempt fails', async () => {
    const frames = await (await client.stream('POST', '/v1/runs', submit('/fail 1 503\nhi'))).all()
    expect(kinds(frames)).toContain('stream_reset')
    expect(frames.filter(({ event_type }) => event_type === 'step_start').at(-1)).toMatchObject({ attempt: 2 })
    expect(frames.at(-1)).toMatchObject({ event_type: 'run_finish', termination: { type: 'natural_end' } })
  })

  it('ends with an error frame when the run fails', async () => {
    const frames = await (await client.stream('POST', '/v1/runs', submit('/fail 1 400\nhi'))).all()
    expect(frames.at(-1)).toMatchObject({ event_type: 'error', message: expect.any(String), code: expect.any(String) })
  })

  it('answers with the record where JSON is preferred', async () => {
    const answer = await client.run('hi')
    expect(answer).toMatchObject({ status: 200, body: { status: 'done', termination: { type: 'natural_end' } } })
    expect(answer.headers.get('content-location')).toBe(`/v1/runs/${answer.body.run_id as string}`)
  })

  it('pauses for a decision, which can be followed', async () => {
    const stream = await client.stream('POST', '/v1/runs', submit('/tool send_email {"to":"a@b.c","subject":"s","body":"b"}'))
    const frames = await stream.all()
    const { run_id, tickets, termination } = frames.at(-1)
    expect(kinds(frames).slice(-4)).toEqual(['tool_call_ready', 'tool_call_done', 'step_end', 'run_finish'])
    expect(frames.at(-3)).toMatchObject({ result: { status: 'pending' }, outcome: 'suspended' })
    expect(termination).toMatchObject({ type: 'suspended', value: { reason: 'tool_permission', tickets } })
    expect((await client.call('GET', `/v1/runs/${run_id as string}`)).body).toMatchObject({
      status: 'waiting',
      waiting: { tickets },
    })

    const joined = await client.stream('GET', `/v1/runs/${run_id as string}/stream`)
    expect((await joined.until(({ event_type }) => event_type === 'run_waiting')).data).toMatchObject({ tickets })
    const [{ tool_call_id, ticket_id }] = tickets
    const decided = await client.call('POST', `/v1/runs/${run_id as string}/decision`, {
      tool_call_id,
      action: 'resume',
      payload: { approved: true },
    })
    expect(decided).toMatchObject({
      status: 202,
      body: { status: 'decision_submitted', run_id, tool_call_id, ticket_id, delivery_path: 'durable' },
    })
    const rest = await joined.all()
    const after = kinds(rest).slice(kinds(rest).indexOf('run_waiting'))
    expect(after).toEqual([
      'run_waiting',
      'tool_call_resumed',
      'tool_call_done',
      'step_end',
      'step_start',
      'text_delta',
      'inference_complete',
      'step_end',
      'run_finish',
    ])
    expect(rest.find(({ event_type }) => event_type === 'tool_call_resumed')).toMatchObject({
      target_id: tool_call_id,
      result: { approved: true },
    })
  })

  it('goes on with a waiting run when the user writes instead, and streams only what is new', async () => {
    const first = await (
      await client.stream('POST', '/v1/runs', submit('/tool send_email {"to":"a@b.c","subject":"s","body":"b"}'))
    ).all()
    const { run_id, thread_id } = first.at(-1)
    const frames = await (await client.stream('POST', '/v1/runs', submit('never mind', { thread_id }))).all()
    expect(frames.at(-1)).toMatchObject({ event_type: 'run_finish', run_id, termination: { type: 'natural_end' } })
    expect(kinds(frames).slice(0, 3)).toEqual(['run_start', 'tool_call_cancel', 'step_start'])
  })

  it('joins the same run from its start when the key is repeated', async () => {
    const headers = { 'Idempotency-Key': `again ${mark}` }
    const first = await (await client.stream('POST', '/v1/runs', submit('once'), headers)).all()
    const second = await (await client.stream('POST', '/v1/runs', submit('once'), headers)).all()
    expect(kinds(second)).toEqual(kinds(first))
    expect(text(second)).toBe(text(first))
    expect(second.at(-1)).toEqual(first.at(-1))
  })

  it('replaces the active run', async () => {
    const first = await client.stream('POST', '/v1/runs', submit('/slow 15000 one two three'))
    const { thread_id } = (await first.until(({ event_type }) => event_type === 'run_start')).data
    const second = await client.stream('POST', '/v1/runs', submit('now this', { thread_id }))
    expect((await first.all()).at(-1)).toMatchObject({ event_type: 'run_finish', termination: { type: 'cancelled' } })
    expect((await second.all()).at(-1)).toMatchObject({ event_type: 'run_finish', termination: { type: 'natural_end' } })
  })

  it('goes on without its caller, or stops where that was asked for', async () => {
    for (const on_disconnect of ['continue', 'cancel']) {
      const stream = await client.stream(
        'POST',
        '/v1/runs',
        submit(`/slow ${on_disconnect === 'cancel' ? '15000' : '600'} one two three four`, { on_disconnect }),
      )
      const { run_id } = (await stream.until(({ event_type }) => event_type === 'text_delta' || event_type === 'run_start')).data
      const id = run_id ?? stream.frames[0]?.data.run_id
      stream.close()
      const { body } = await client.call('GET', `/v1/runs/${id as string}/wait?timeout_ms=5000`)
      expect(body.termination).toEqual({ type: on_disconnect === 'cancel' ? 'cancelled' : 'natural_end' })
    }
  })
})

describe('GET /v1/runs/:id/stream', () => {
  it('brings a late joiner what the open step has streamed so far, then the rest', async () => {
    const first = await client.stream('POST', '/v1/runs', submit('/slow 2500 one two three four five six seven eight'))
    await first.until(({ event_type }) => event_type === 'text_delta')
    const { run_id } = (await first.until(({ event_type }) => event_type === 'run_start')).data
    const joined = await client.stream('GET', `/v1/runs/${run_id as string}/stream`)
    const [late, all] = [await joined.all(), await first.all()]
    expect(text(late)).toBe(text(all))
    expect(kinds(late)).toEqual(kinds(all))
  })

  it('answers with the end when the run has ended', async () => {
    const { body } = await client.run('hi')
    const frames = await (await client.stream('GET', `/v1/runs/${body.run_id as string}/stream`)).all()
    expect(kinds(frames)).toEqual(['run_finish'])
    const whole = await (await client.stream('GET', `/v1/runs/${body.run_id as string}/stream?from=start`)).all()
    expect(kinds(whole)[0]).toBe('run_start')
    expect(text(whole)).toBe(body.final_output)
  })

  it('goes on after any cursor it has given', async () => {
    const stream = await client.stream('POST', '/v1/runs', submit('/tool get_weather {"city":"Oslo"}'))
    await stream.all()
    const path = `/v1/runs/${stream.frames[0]?.data.run_id as string}/stream`
    for (const [index, { id }] of stream.frames.entries()) {
      if (id === undefined || id === '') continue
      const rest = await (await client.stream('GET', path, undefined, { 'Last-Event-ID': id })).all()
      const expected = stream.frames.slice(index + 1).map(({ data }) => data)
      if (expected.length === 0) expect(kinds(rest)).toEqual(['run_finish'])
      else {
        expect(kinds(rest)).toEqual(kinds(expected))
        expect(text(rest)).toBe(text(expected))
      }
    }
  })
})

describe('GET …/events', () => {
  it('pages and streams the log of a run and of its thread', async () => {
    const { body: run } = await client.run('hi')
    for (const path of [`/v1/runs/${run.run_id as string}/events`, `/v1/threads/${run.thread_id as string}/events`]) {
      const first = await client.call('GET', `${path}?limit=2`)
      expect(first).toMatchObject({ status: 200, body: { has_more: true, limit: 2 } })
      const rest = await client.call('GET', `${path}?cursor=${first.body.next_cursor as string}`)
      expect(rest.body).toMatchObject({ has_more: false, next_cursor: expect.any(String) })
      const all = [...first.body.items, ...rest.body.items]
      expect(all.map(({ event_seq }: any) => event_seq)).toEqual(all.map((_event: any, index: number) => index + 1))
      expect(all.at(-1)).toMatchObject({ kind: 'RunFinished', occurred_at: expect.stringMatching(/Z$/) })
      const tail = await client.call('GET', `${path}?cursor=${rest.body.next_cursor as string}`)
      expect(tail.body).toMatchObject({ items: [], next_cursor: rest.body.next_cursor })

      const stream = await client.stream('GET', `${path}/stream?cursor=${first.body.next_cursor as string}`)
      await stream.until(({ kind }) => kind === 'RunFinished')
      expect(stream.frames.map(({ data }) => data)).toEqual(rest.body.items)
      expect(stream.frames.map(({ id }) => id)).toEqual(rest.body.items.map(({ cursor }: any) => cursor))
      stream.close()
    }
  })

  it('follows a thread over its runs', async () => {
    const { body: run } = await client.run('hi')
    const stream = await client.stream('GET', `/v1/threads/${run.thread_id as string}/events/stream`)
    await stream.until(({ kind }) => kind === 'RunFinished')
    const next = await client.run('more', { thread_id: run.thread_id })
    await stream.until(({ kind, run_id }) => kind === 'RunFinished' && run_id === next.body.run_id)
    expect(stream.frames.map(({ data }) => data.event_seq)).toEqual(stream.frames.map((_frame, index) => index + 1))
    stream.close()
  })
})
