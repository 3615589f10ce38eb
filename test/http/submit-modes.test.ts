import { describe, expect, it } from 'vitest'
import { client, scene } from './support/black-box.ts'
import { expectProblem } from './support/client.ts'
import { expectAnswer } from './support/contract.ts'
import { EMAIL, user } from './support/threads.ts'

type State = 'idle' | 'running' | 'waiting'
/**
 * What a submit does. `by`: the run that reads the messages, the one that was there or one of their own. `at`: the
 * boundary at which they wait (null: none, they are read at once). `first`: how the run that was there ends.
 */
type Cell = { by: 'first' | 'own'; status: 'running' | 'queued'; at: string | null; step: number; first: string } | 404
const now = { by: 'own', status: 'running', at: null, step: 1, first: 'natural_end' } as const
const later = { by: 'own', status: 'queued', at: 'new_run', step: 1, first: 'natural_end' } as const
const resumed = { by: 'first', status: 'running', at: null, step: 2, first: 'natural_end' } as const
const joined = { by: 'first', status: 'running', at: 'next_step', step: 2, first: 'natural_end' } as const
const instead = { by: 'own', status: 'queued', at: 'interrupt', step: 1, first: 'cancelled' } as const
const TABLE: Record<string, Record<State, Cell>> = {
  foreground: { idle: now, running: instead, waiting: resumed },
  queue: { idle: now, running: later, waiting: resumed },
  live_then_queue: { idle: now, running: joined, waiting: resumed },
  steer: { idle: now, running: joined, waiting: resumed },
  // A run that waits has nothing to stop.
  interrupt_then_queue: { idle: now, running: instead, waiting: { ...now, first: 'cancelled' } },
  resume_open_run: { idle: 404, running: joined, waiting: resumed },
  // Nothing but a decision ends the wait: the wake stands in the queue until then.
  internal_wake: { idle: now, running: later, waiting: { ...later, first: 'cancelled' } },
}
const CELLS = Object.entries(TABLE).flatMap(([mode, row]) =>
  (['idle', 'running', 'waiting'] as const).flatMap((state) =>
    (['thread', 'run'] as const).map((way) => [mode, state, way, row[state]] as [string, State, 'thread' | 'run', Cell]),
  ),
)

const OPENING: Record<State, string> = { idle: 'hello', running: '/tool sleep {"ms":4000}', waiting: EMAIL }
/** The thread's first run, in its state. */
async function begin(state: State): Promise<any> {
  const { run_id } = await scene.start(OPENING[state])
  return state === 'running' ? (await client.call('GET', `/v1/runs/${run_id as string}`)).body : await scene.settled(run_id)
}

describe.concurrent('a submit', () => {
  it.each(CELLS)(
    '%s on a thread that is %s, by %s',
    async (mode, state, way, cell) => {
      const first = await begin(state)
      const { thread_id } = first
      expect(first.status).toBe({ idle: 'done', running: 'running', waiting: 'waiting' }[state])
      const body = { mode, messages: [user('now this', { id: 'm1' })] }
      const path = way === 'thread' ? `/v1/threads/${thread_id as string}/messages` : `/v1/runs/${first.run_id as string}/inputs`
      const answer = await client.call('POST', path, body)
      if (cell === 404) {
        expectProblem(answer, 404, 'run_not_found')
        expect((await client.call('GET', `/v1/threads/${thread_id as string}/runs`)).body.total).toBe(1)
        return
      }
      const accepted = expectAnswer(answer, `POST ${way === 'thread' ? '/v1/threads/:id/messages' : '/v1/runs/:id/inputs'}`, 202)
      const taker: string = way === 'thread' ? accepted.run_id : accepted.accepted_by_run_id
      expect(taker === first.run_id ? 'first' : 'own').toBe(cell.by)
      if (way === 'thread') expect(accepted.status).toBe(cell.status)
      else expect(accepted).toMatchObject({ status: 'inputs_accepted', run_id: first.run_id })
      expect(accepted.message_ids).toEqual(['m1'])
      const taking = (await client.call('GET', `/v1/runs/${taker}`)).body
      expect(taking).toMatchObject({ thread_id, dispatch_id: accepted.dispatch_id })

      // An interrupt is over within milliseconds where nothing has to stop, so only the others are sure to be seen.
      const { items } = await scene.pending(thread_id)
      if (cell.at === null) expect(items).toEqual([])
      else if (cell.at !== 'interrupt') {
        const target = cell.by === 'first' ? { target_run_id: first.run_id } : {}
        expect(items).toMatchObject([{ pending_id: 'm1', run_id: taker, delivery: { boundary: cell.at, ...target } }])
      }
      if (mode === 'internal_wake' && state === 'waiting') {
        expect((await client.call('GET', `/v1/runs/${first.run_id as string}`)).body.status).toBe('waiting')
        await client.call('POST', `/v1/runs/${first.run_id as string}/cancel`)
      }
      expect(await scene.settled(first.run_id)).toMatchObject({ status: 'done', termination: { type: cell.first } })
      expect(await scene.settled(taker)).toMatchObject({
        status: 'done',
        termination: { type: 'natural_end' },
        final_output: 'You said: now this',
      })
      const receipt = await client.call('GET', `/v1/threads/${thread_id as string}/messages/m1/receipt`)
      expect(expectAnswer(receipt, 'GET /v1/threads/:id/messages/:mid/receipt', 200)).toMatchObject({
        message_id: 'm1',
        state: 'consumed',
        run_id: taker,
        step: cell.step,
      })
      const { messages } = (await client.call('GET', `/v1/threads/${thread_id as string}/messages?visibility=all`)).body
      const [message] = messages.filter(({ message_id }: any) => message_id === 'm1')
      expect(message.visibility).toBe(mode === 'internal_wake' ? 'internal' : 'external')
      if (state === 'waiting' && cell.by === 'first') expect(JSON.stringify(messages)).toContain('the user wrote instead')
    },
    30_000,
  )
})

describe('a submit with more to say', () => {
  it('goes by its delivery where it has one: a new run on a waiting thread waits', async () => {
    const first = await scene.waiting()
    const { body } = await scene.post(first.thread_id, 'later', { delivery: { granularity: 'one' } })
    expect(body).toMatchObject({ status: 'queued' })
    expect((await scene.pending(first.thread_id)).items[0].delivery).toEqual({
      boundary: 'new_run',
      granularity: 'one',
      barrier: false,
      fallback_to_new_run: true,
    })
    expect((await client.call('GET', `/v1/runs/${first.run_id as string}`)).body.status).toBe('waiting')
    await client.call('POST', `/v1/runs/${first.run_id as string}/cancel`)
    expect(await scene.settled(body.run_id)).toMatchObject({ termination: { type: 'natural_end' } })
  })

  it('steers no run but the one it names', async () => {
    const before = await scene.start('hello')
    await scene.settled(before.run_id)
    const open = (await scene.post(before.thread_id, '/slow 15000 a b c')).body
    const messages = [user('not for you')]
    for (const id of [before.run_id, before.dispatch_id] as string[]) {
      const { body } = await client.call('POST', `/v1/runs/${id}/inputs`, { messages })
      expect(body.run_id).toBe(before.run_id)
      expect([before.run_id, open.run_id]).not.toContain(body.accepted_by_run_id)
    }
    expect((await scene.pending(before.thread_id)).items.map(({ delivery }: any) => delivery.boundary)).toEqual([
      'new_run',
      'new_run',
    ])
    await client.call('POST', `/v1/threads/${before.thread_id as string}/interrupt`)
    for (const id of ['nobody', 'a%20b'])
      expectProblem(await client.call('POST', `/v1/runs/${id}/inputs`, { messages }), 404, 'run_not_found')
  })

  it('is the same request with its key, also after the run has ended', async () => {
    const run = await scene.start('/tool sleep {"ms":300}')
    const path = `/v1/runs/${run.run_id as string}/inputs`
    const headers = { 'Idempotency-Key': 'steer-1' }
    const first = await client.call('POST', path, { messages: [user('and this')] }, headers)
    expect(first.body.accepted_by_run_id).toBe(run.run_id)
    await scene.settled(run.run_id)
    expect((await client.call('POST', path, { messages: [user('and this')] }, headers)).body).toEqual(first.body)
  })

  it('runs next, before the kept queue, when it interrupts', async () => {
    const open = await scene.start('/slow 15000 a b c')
    const kept = (await scene.post(open.thread_id, 'kept')).body
    const next = (await scene.post(open.thread_id, 'next', { mode: 'interrupt_then_queue' })).body
    expect(await scene.settled(kept.run_id)).toMatchObject({ termination: { type: 'natural_end' } })
    const { messages } = (await client.call('GET', `/v1/threads/${open.thread_id as string}/messages?order=asc`)).body
    const said = messages.filter(({ role }: any) => role === 'user').map(({ content }: any) => content)
    expect(said.slice(-2)).toEqual(['next', 'kept'])
    expect(await scene.settled(next.run_id)).toMatchObject({ final_output: 'You said: next' })
  })

  it('may not overtake a barrier, and then nothing is interrupted', async () => {
    const open = await scene.start('/slow 15000 a b c')
    const wall = { delivery: { barrier: true } }
    await scene.post(open.thread_id, 'first this', wall, { id: 'wall' })
    const answer = await client.run('me now', { thread_id: open.thread_id })
    expectProblem(answer, 409, 'delivery_blocked')
    expect(answer.body.pending_id).toBe('wall')
    expect((await client.call('GET', `/v1/runs/${open.run_id as string}`)).body.status).toBe('running')
    await client.call('POST', `/v1/threads/${open.thread_id as string}/interrupt`)
  })

  it('cannot give an open run other overrides', async () => {
    const open = await scene.start('/slow 15000 a b c')
    const answer = await scene.post(open.thread_id, 'x', { mode: 'steer', overrides: { max_steps: 3 } })
    expectProblem(answer, 409, 'agent_conflict')
    expect(answer.body.run_id).toBe(open.run_id)
    const { body } = await scene.post(open.thread_id, 'y', { overrides: { max_steps: 3 } })
    expect((await client.call('GET', `/v1/runs/${body.run_id as string}`)).body.overrides).toEqual({ max_steps: 3 })
    await client.call('POST', `/v1/threads/${open.thread_id as string}/interrupt`)
  })

  it('is one run for one message, however often it comes, when it is durable', async () => {
    const id = await scene.thread()
    const send = (text: string, headers = {}) =>
      client.call('POST', `/v1/threads/${id}/messages`, { messages: [user(text, { id: 'only' })], durable: true }, headers)
    const first = expectAnswer(await send('once'), 'POST /v1/threads/:id/messages', 202)
    expect(first.run_id).toBe('durable-msg-only')
    await scene.settled(first.run_id)
    expect((await send('once')).body).toEqual(first)
    // The thread remembers this request under no name: only the run tells.
    expect((await send('once', { 'Idempotency-Key': 'another' })).body).toEqual(first)
    expectProblem(await send('changed'), 422, 'idempotency_conflict')
    expect((await client.call('GET', `/v1/threads/${id}/runs`)).body.total).toBe(1)
    const blocker = (await scene.post(id, '/slow 20000 a b c')).body
    const message = { messages: [user('taken back', { id: 'two' })], durable: true }
    const second = (await client.call('POST', `/v1/threads/${id}/messages`, message)).body
    await client.call('DELETE', `/v1/threads/${id}/pending/two`, undefined, { 'If-Match': '*' })
    const third = await client.call('POST', `/v1/threads/${id}/messages`, message, { 'Idempotency-Key': 'a third' })
    expect(third.body.run_id).toBe(second.run_id)
    expect((await client.call('GET', `/v1/runs/${second.run_id as string}`)).body.termination.type).toBe('cancelled')
    await client.call('POST', `/v1/runs/${blocker.run_id as string}/cancel`)
    const other = await scene.thread()
    const elsewhere = await scene.post(other, 'once', { durable: true }, { id: 'only' })
    expect(elsewhere.body).toMatchObject({ run_id: 'durable-msg-only', thread_id: other })
  })
})
