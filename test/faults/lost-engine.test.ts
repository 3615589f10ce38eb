import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createWorld, type Running, type World } from './support/world.ts'

const SLOW = '/slow 2500\none two three'
const APPROVAL = '/tool send_email {"to":"a@example.org","subject":"s"}'
let world: World
let program: Running
beforeEach(async () => {
  world = await createWorld()
  program = await world.start()
})
afterEach(async () => {
  await world.end()
})

/** A run that is in the middle of its answer. */
async function startSlow(thread_id: string): Promise<string> {
  const run_id = await program.api.say(thread_id, SLOW)
  await program.api.whenRun(run_id, ({ status }) => status === 'running')
  return run_id
}

/** What an operator does with `temporal workflow terminate`. */
async function terminate({ temporal }: Running, thread_id: string): Promise<void> {
  const client = await world.client(temporal)
  const handle = client.workflow.getHandle(`default/${thread_id}`)
  await handle.terminate('a test')
  expect((await handle.describe()).status.name).toBe('TERMINATED')
}

async function decide({ api }: Running, run_id: string): Promise<void> {
  const { waiting } = await api.getRun(run_id)
  const { tool_call_id } = waiting?.tickets[0] ?? {}
  expect(await api.call('POST', `/v1/runs/${run_id}/decision`, { tool_call_id, action: 'resume' })).toMatchObject({ status: 202 })
  const run = await api.whenRun(run_id)
  expect(run).toMatchObject({ termination: { type: 'natural_end' } })
  expect(run.final_output).toContain('send_email returned')
}

async function isWaiting({ api }: Running, run_id: string): Promise<void> {
  await api.whenRun(run_id, ({ status }) => status === 'waiting')
}

const contents = async ({ api }: Running, thread_id: string): Promise<unknown[]> =>
  (await api.messages(thread_id)).map(({ content }) => content)

test('a terminated workflow is started again by the next command, or by the program itself', async () => {
  const { api } = program
  // Nobody speaks to this one: the program looks for such threads now and then.
  const lonely = await startSlow('lonely')
  const busy = await startSlow('busy')
  const waiting = await api.say('waiting', APPROVAL)
  await isWaiting(program, waiting)
  for (const thread_id of ['lonely', 'busy', 'waiting']) await terminate(program, thread_id)

  const next = await api.say('busy', 'and four')
  await decide(program, waiting)
  expect(await api.whenRun(busy)).toMatchObject({ final_output: 'You said: one two three' })
  expect(await api.whenRun(next)).toMatchObject({ final_output: 'You said: and four' })
  expect(await api.whenRun(lonely, undefined, 60_000)).toMatchObject({ final_output: 'You said: one two three' })
  for (const thread_id of ['lonely', 'busy', 'waiting']) await api.log(thread_id)
  const done = (await api.log('waiting')).filter(({ kind }) => kind === 'ToolCallDone')
  expect(done, 'the tool ran once').toHaveLength(1)
})

test('a terminated workflow is started again when the program starts', async () => {
  const busy = await startSlow('busy')
  const queued = await program.api.say('busy', 'and four')
  const waiting = await program.api.say('waiting', APPROVAL)
  await isWaiting(program, waiting)
  for (const thread_id of ['busy', 'waiting']) await terminate(program, thread_id)
  await program.stop()

  const after = await world.start()
  expect(await after.api.whenRun(busy)).toMatchObject({ final_output: 'You said: one two three' })
  expect(await after.api.whenRun(queued)).toMatchObject({ final_output: 'You said: and four' })
  expect(await contents(after, 'busy')).toEqual([SLOW, 'You said: one two three', 'and four', 'You said: and four'])
  await isWaiting(after, waiting)
  await decide(after, waiting)
  for (const thread_id of ['busy', 'waiting']) await after.api.log(thread_id)
})

test('all of Temporal’s data gone: open runs go on, waiting ones wait, idle threads answer', async () => {
  const { api } = program
  await api.run('Hello', { thread_id: 'idle' })
  const waiting = await api.say('waiting', APPROVAL)
  await isWaiting(program, waiting)
  const looping = await api.say('looping', '/loop 3\n/slow 1500\nagain')
  await api.whenRun(looping, ({ steps }) => steps >= 1)
  const slow = await startSlow('slow')
  const queued = await api.say('slow', 'four')
  await program.stop()
  for (const end of ['', '-wal', '-shm']) rmSync(join(world.dataDir, `temporal.db${end}`), { force: true })

  const after = await world.start()
  expect(await after.api.getRun(waiting)).toMatchObject({ status: 'waiting' })
  expect(await after.api.whenRun(slow)).toMatchObject({ final_output: 'You said: one two three' })
  expect(await after.api.whenRun(queued)).toMatchObject({ final_output: 'You said: four' })
  expect(await after.api.whenRun(looping)).toMatchObject({ termination: { type: 'natural_end' }, steps: 4 })
  await decide(after, waiting)
  expect((await after.api.run('Again', { thread_id: 'idle' })).body).toMatchObject({ final_output: 'You said: Again' })
  for (const thread_id of ['idle', 'waiting', 'looping', 'slow']) {
    await after.api.log(thread_id)
    expect((await after.api.run('Still there?', { thread_id })).body.final_output).toContain('Still there?')
  }
})
