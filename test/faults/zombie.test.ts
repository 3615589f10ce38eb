import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/engine.ts'
import { Clients } from './support/clients.ts'
import { createWorld, type Running, type World } from './support/world.ts'

const WORDS = Array.from({ length: 20 }, (_, index) => `word${String(index)}`).join(' ')
let world: World
let api: Running
beforeAll(async () => {
  world = await createWorld({ postgres: true, temporal: true })
  api = await world.startRole('api')
})
afterAll(async () => {
  await world.end()
})

test('a worker that stood still during its step cannot write into the conversation', async () => {
  const first = await world.startRole('worker')
  const names = ['early', 'late']
  const runs = await Promise.all(names.map((thread_id) => api.api.say(thread_id, `/slow 6000\n${WORDS}`)))
  const streams = await Promise.all(runs.map((run_id) => api.api.stream('GET', `/v1/runs/${run_id}/stream`)))
  await Promise.all(streams.map((stream) => stream.until(({ event_type }) => event_type === 'text_delta')))
  world.freeze(first.pid)
  const second = await world.startRole('worker')
  // It wakes up while the other makes the same step, and both write side by side.
  await streams[0]?.until(({ event_type, attempt }) => event_type === 'step_start' && attempt === 2, 60_000)
  world.thaw(first.pid)

  for (const [index, thread_id] of names.entries()) {
    const run = await api.api.whenRun(runs[index] ?? '', undefined, 60_000)
    expect(run).toMatchObject({ termination: { type: 'natural_end' }, final_output: `You said: ${WORDS}` })
    await answeredOnce(thread_id)
  }
  // The first has woken up for good: alone, it does its work, and what it held has changed nothing.
  await second.stop()
  for (const thread_id of names) {
    const key = { 'idempotency-key': `again-${thread_id}` }
    const body = { agent_id: 'default', thread_id, messages: [{ role: 'user', content: 'Still there?' }] }
    await eventually(async () => ((await api.api.call('POST', '/v1/runs', body, key)).status === 200 ? true : undefined), 40_000)
    await answeredOnce(thread_id)
  }
  await first.stop()
}, 180_000)

/** The step's answer is there once, and it is that of the attempt that was accepted. */
async function answeredOnce(thread_id: string): Promise<void> {
  const log = await api.api.log(thread_id)
  const accepted = log.filter(({ kind }) => kind === 'InferenceCompleted').map(({ payload }) => payload['attempt'])
  expect(accepted[0]).toBe(2)
  expect(log.filter(({ kind }) => kind === 'RunRescheduled')).toHaveLength(1)
  const answers = (await api.api.messages(thread_id)).filter(({ role }) => role === 'assistant')
  expect(answers[0]?.content).toBe(`You said: ${WORDS}`)
  expect(answers).toHaveLength(accepted.length)
}

test('a worker that stood still under load has neither lost nor doubled anything', async () => {
  const workers = await Promise.all([world.startRole('worker'), world.startRole('worker')])
  const clients = new Clients(api.api)
  const threads = Array.from({ length: 6 }, (_, index) => `load-${String(index)}`)
  let running = true
  const lanes = threads.map(async (thread_id) => {
    for (let round = 0; running; round++) {
      const messages = [{ role: 'user', content: `${thread_id} says ${String(round)}` }]
      await clients.command('submit', '/v1/runs', { agent_id: 'default', thread_id, messages })
    }
  })
  await sleep(1_000)
  const [zombie] = workers
  world.freeze(zombie?.pid ?? 0)
  await sleep(13_000) // its workflow tasks time out after ten
  world.thaw(zombie?.pid ?? 0)
  await sleep(2_000)
  running = false
  await Promise.all(lanes)
  await clients.settle(60_000)
  expect(clients.wrong.slice(0, 3)).toEqual([])
  expect(clients.sent.filter(({ answer }) => answer?.status !== 200)).toEqual([])
  for (const thread_id of threads) {
    await api.api.log(thread_id)
    const said = (await api.api.messages(thread_id)).filter(({ role }) => role === 'user').map(({ content }) => content)
    const sent = clients.sent.flatMap(({ body }) => {
      const { messages, thread_id: of } = body as { thread_id: string; messages: { content: string }[] }
      return of === thread_id ? messages.map(({ content }) => content) : []
    })
    expect([...said].sort()).toEqual([...sent].sort())
  }
  console.log(`worst answer while a worker stood still: ${JSON.stringify(clients.worst)}`)
  await Promise.all(workers.map((worker) => worker.stop()))
}, 180_000)
