import type { Client } from '@temporalio/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/engine.ts'
import { createWorld, type Running, type World } from './support/world.ts'

const THREADS = 200
const SIDE_BY_SIDE = 10
let world: World
let program: Running
let temporal: Client
beforeAll(async () => {
  world = await createWorld()
  program = await world.start({ WEFT_IDLE_CLOSE_MS: '1500' })
  temporal = await world.client(program.temporal)
})
afterAll(async () => {
  await world.end()
})

const status = async (thread_id: string): Promise<string> =>
  (await temporal.workflow.getHandle(`default/${thread_id}`).describe()).status.name

async function eachOf(threads: readonly string[], work: (thread_id: string) => Promise<unknown>): Promise<void> {
  const left = [...threads]
  const one = async (): Promise<void> => {
    for (let thread_id = left.pop(); thread_id !== undefined; thread_id = left.pop()) await work(thread_id)
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, one))
}

test('idle threads close, and a message brings each back with its history', async () => {
  const threads = Array.from({ length: THREADS }, (_, index) => `idle-${String(index)}`)
  await eachOf(threads, async (thread_id) => {
    expect((await program.api.run(`Hello from ${thread_id}`, { thread_id })).status).toBe(200)
  })
  await eachOf(threads, (thread_id) => eventually(async () => ((await status(thread_id)) === 'COMPLETED' ? true : undefined)))

  const closedAgain = threads.filter((_, index) => index % 20 === 7)
  await eachOf(closedAgain, async (thread_id) => {
    const { body } = await program.api.run('Again', { thread_id })
    expect(body).toMatchObject({ final_output: 'You said: Again', input: { message_seq_from: 3 } })
    expect((await program.api.messages(thread_id)).map(({ content }) => content)).toEqual([
      `Hello from ${thread_id}`,
      `You said: Hello from ${thread_id}`,
      'Again',
      'You said: Again',
    ])
    await program.api.log(thread_id)
  })
  await eachOf(closedAgain, (thread_id) => eventually(async () => ((await status(thread_id)) === 'COMPLETED' ? true : undefined)))
})

test('a thread that waits for a decision or has a queue does not close', async () => {
  const { body: run } = await program.api.run('/tool send_email {"to":"a@example.org","subject":"s"}', { thread_id: 'waits' })
  expect(run.status).toBe('waiting')
  // Long enough for the idle one beside it to close.
  await program.api.run('Hello', { thread_id: 'beside' })
  await eventually(async () => ((await status('beside')) === 'COMPLETED' ? true : undefined))
  expect(await status('waits')).toBe('RUNNING')
  const { tool_call_id } = run.waiting.tickets[0]
  await program.api.call('POST', `/v1/runs/${run.run_id}/decision`, { tool_call_id, action: 'resume' })
  expect((await program.api.whenRun(run.run_id)).final_output).toContain('send_email returned')
  await eventually(async () => ((await status('waits')) === 'COMPLETED' ? true : undefined))
})

test('commands that meet a closing thread are answered as ever', async () => {
  const thread_id = 'closing'
  const log: string[] = []
  // Each message comes at about the time at which the thread closes.
  for (let round = 0; round < 4; round++) {
    for (const offset of [-20, 0, 20]) {
      const { status, body } = await program.api.run(`round ${String(round)} ${String(offset)}`, { thread_id })
      expect({ status, body }).toMatchObject({ status: 200, body: { termination: { type: 'natural_end' } } })
      log.push(body.run_id)
      await new Promise((resolve) => setTimeout(resolve, 1_500 + offset))
    }
  }
  expect(new Set(log).size).toBe(12)
  await program.api.log(thread_id)
})
