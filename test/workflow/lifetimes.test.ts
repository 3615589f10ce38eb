import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkLog } from '../support/check-log.ts'
import { eventually, startEngine, startTemporal, type Engine } from '../support/engine.ts'
import type { Answer } from '../../src/thread/reply.ts'

/** What outlives an execution: hand-overs, idle closes, terminations, and the store's word on it all. */
let temporal: Awaited<ReturnType<typeof startTemporal>>
let engine: Engine
beforeAll(async () => {
  temporal = await startTemporal()
  engine = await startEngine({
    address: temporal.address,
    cli: temporal.cli,
    // Worker, clients and database share this process with the tests' load, so a storm's answers can take seconds.
    timeout_ms: 30_000,
    settings: { idle_close_ms: 1_500, continue_as_new_every: 20 },
  })
})
afterAll(async () => {
  await engine.close()
  await temporal.remove()
})
let count = 0
const newThread = (): string => `life-${String(++count)}`

async function status(thread: string): Promise<string> {
  return (await engine.client.workflow.getHandle(`default/${thread}`).describe()).status.name
}
async function executions(thread: string): Promise<number> {
  const found = await engine.client.workflowService.listWorkflowExecutions({
    namespace: 'default',
    query: `WorkflowId = 'default/${thread}'`,
  })
  return found.executions?.length ?? 0
}

describe('continue-as-new', () => {
  test('under mixed updates and signals every command is applied once, and nobody sees an error', async () => {
    const thread = newThread()
    const handle = engine.client.workflow.getHandle(`default/${thread}`)
    await engine.say(thread, 'first', { command_id: 'first' })
    const clients = Array.from({ length: 8 }, async (_, client) => {
      for (let i = 0; i < 30; i++) {
        const command_id = `${String(client)}-${String(i)}`
        const body = { command_id, mode: 'queue', messages: [{ role: 'user', content: command_id }] }
        if (i % 2 === 0) await engine.say(thread, command_id, { command_id })
        else await handle.signal('submit', body)
      }
    })
    await Promise.all(clients)
    const log = await eventually(async () => {
      const found = await engine.log(thread)
      const read = found.filter((event) => event.kind === 'MessageCommitted' && event.payload['role'] === 'user')
      const summary = await engine.store.threads.get('default', thread)
      return read.length === 241 && summary !== 'deleted' && summary?.status === 'idle' ? found : undefined
    }, 60_000).catch(async (error: unknown) => {
      console.log(
        JSON.stringify(await handle.query('thread')),
        (await engine.log(thread)).slice(-5).map((e) => e.kind),
        await status(thread),
        await executions(thread),
      )
      throw error
    })
    checkLog(log)
    const texts = log.flatMap((event) =>
      event.kind === 'MessageCommitted' && event.payload['role'] === 'user'
        ? [JSON.stringify(event.payload['content_blocks'])]
        : [],
    )
    expect(new Set(texts).size).toBe(241)
    expect(await eventually(async () => ((await executions(thread)) > 5 ? true : undefined))).toBe(true)
  })

  test('the same command twenty times at once, across a hand-over, after an idle close and with a new worker: one answer', async () => {
    const thread = newThread()
    const command = {
      type: 'submit' as const,
      mode: 'queue' as const,
      command_id: 'once',
      messages: [{ role: 'user' as const, content: 'once' }],
    }
    const send = (): Promise<Answer> => engine.gateway.send(engine.ref(thread), command)
    const answers = await Promise.all(Array.from({ length: 20 }, send))
    for (let i = 0; i < 45; i++) await engine.say(thread, String(i))
    answers.push(...(await Promise.all(Array.from({ length: 5 }, send))))
    await eventually(async () => ((await status(thread)) === 'COMPLETED' ? true : undefined))
    await engine.stopWorker()
    await engine.startWorker()
    answers.push(await send())
    const first = answers[0]
    expect(first).toMatchObject({ ok: true })
    for (const answer of answers) expect(answer).toMatchObject({ ok: true, outcome: first?.ok === true ? first.outcome : {} })
    const log = await engine.log(thread)
    expect(log.filter((event) => event.causation_id === 'once' && event.kind === 'RunQueued')).toHaveLength(1)
    checkLog(log)
  })
})

describe('closing and coming back', () => {
  test('many idle threads close, and a message brings one back with its history', async () => {
    const threads = Array.from({ length: 60 }, newThread)
    await Promise.all(threads.map(async (thread) => engine.run(await engine.say(thread, `hello from ${thread}`))))
    for (const thread of threads) await eventually(async () => ((await status(thread)) === 'COMPLETED' ? true : undefined))
    const thread = threads[7] ?? ''
    const run = await engine.run(await engine.say(thread, 'remember me?'))
    expect(run.input.message_seq_from).toBe(3)
    expect(await engine.messages(thread)).toHaveLength(4)
    checkLog(await engine.log(thread))
  })

  test('a thread whose workflow is terminated in the middle of a step goes on at the next command', async () => {
    const thread = newThread()
    const run_id = await engine.say(thread, '/slow 2500\none two three')
    await engine.run(run_id, (run) => run.status === 'running')
    await engine.cli('workflow', 'terminate', '--workflow-id', `default/${thread}`)
    await engine.send(thread, { type: 'wake' })
    const run = await engine.run(run_id)
    expect(run).toMatchObject({ termination: { type: 'natural_end' }, final_output: 'You said: one two three' })
    const log = await engine.log(thread)
    expect(log.filter((event) => event.kind === 'RunRescheduled').map((event) => event.payload['reason'])).toEqual([
      'thread_restarted',
    ])
    checkLog(log)
  })

  test('a thread that waits for a decision is terminated, and the decision finds it', async () => {
    const thread = newThread()
    const run_id = await engine.say(thread, '/tool send_email {"to":"a@example.com","subject":"s","body":"b"}')
    const { waiting } = await engine.run(run_id, (run) => run.status === 'waiting')
    const tool_call_id = waiting?.tickets[0]?.tool_call_id ?? ''
    await engine.cli('workflow', 'terminate', '--workflow-id', `default/${thread}`)
    await engine.send(thread, { type: 'decision', tool_call_id, action: 'resume' })
    expect((await engine.run(run_id)).termination).toEqual({ type: 'natural_end' })
    const log = await engine.log(thread)
    expect(log.filter((event) => event.kind === 'ToolCallDone')).toHaveLength(1)
    checkLog(log)
  })

  test('a workflow that is reset loads the thread from the store instead of writing its past again', async () => {
    const thread = newThread()
    await engine.run(await engine.say(thread, 'one'))
    await engine.run(await engine.say(thread, 'two'))
    await engine.cli('workflow', 'reset', '--workflow-id', `default/${thread}`, '--type', 'FirstWorkflowTask', '--reason', 'test')
    const run = await engine.run(await engine.say(thread, 'three'))
    expect(run.final_output).toBe('You said: three')
    const messages = await engine.messages(thread)
    expect(messages.filter((message) => message.role === 'user').map((message) => message.content)).toEqual([
      'one',
      'two',
      'three',
    ])
    checkLog(await engine.log(thread))
  })

  test('a reset to the last task keeps the ids that are stored', async () => {
    const thread = newThread()
    const run_id = await engine.say(thread, '/tool send_email {"to":"a@example.com","subject":"s","body":"b"}')
    const { waiting } = await engine.run(run_id, (run) => run.status === 'waiting')
    await engine.cli('workflow', 'reset', '--workflow-id', `default/${thread}`, '--type', 'LastWorkflowTask', '--reason', 'test')
    await engine.send(thread, { type: 'decision', tool_call_id: waiting?.tickets[0]?.tool_call_id ?? '', action: 'resume' })
    expect((await engine.run(run_id)).termination).toEqual({ type: 'natural_end' })
    checkLog(await engine.log(thread))
  })

  test('signals that come before the first task are applied in their order', async () => {
    const thread = newThread()
    await engine.stopWorker()
    const start = { taskQueue: 'weft', workflowId: `default/${thread}`, args: [], signal: 'interrupt', signalArgs: [{}] }
    const handle = await engine.client.workflow.signalWithStart('thread', start)
    await handle.signal('submit', { messages: [{ role: 'user', content: 'hello' }] })
    await engine.startWorker()
    const log = await eventually(async () => {
      const found = await engine.log(thread)
      return found.some((event) => event.kind === 'RunFinished') ? found : undefined
    })
    expect(log.map((event) => event.kind).slice(0, 2)).toEqual(['CommandRejected', 'RunQueued'])
    expect(log.at(-1)?.payload['termination']).toEqual({ type: 'natural_end' })
  })

  test('a deleted thread’s workflow ends', async () => {
    const thread = newThread()
    await engine.run(await engine.say(thread, 'hello'))
    await engine.store.threads.delete('default', thread, 'detach')
    await engine.gateway.terminate(engine.ref(thread), 'thread deleted')
    const answer = await engine.gateway.send(engine.ref(thread), {
      type: 'submit',
      mode: 'queue',
      messages: [{ role: 'user', content: 'x' }],
    })
    expect(answer).toMatchObject({ ok: false, rejection: { code: 'thread_deleted' } })
    await eventually(async () => ((await status(thread)) === 'COMPLETED' ? true : undefined))
  })
})
