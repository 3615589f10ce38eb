import type { Client } from '@temporalio/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { beginThread } from '../../activities/index.ts'
import { defaultConfig } from '../../src/agent/default-config.ts'
import { startSweep } from '../../src/temporal/sweep.ts'
import { createGateway } from '../../src/temporal/client-gateway.ts'
import { ThreadUnavailable } from '../../src/temporal/gateway.ts'
import { startOptions, THREAD_WORKFLOW } from '../../src/temporal/names.ts'
import type { ThreadInput } from '../../src/thread/begin.ts'
import type { Command } from '../../src/thread/command.ts'
import type { CommandInput } from '../../src/thread/input.ts'
import type { ThreadRef } from '../../src/thread/ports.ts'
import type { Answer } from '../../src/thread/reply.ts'
import { checkLog } from '../support/check-log.ts'
import { eventually, settingsOf, startEngine, startTemporal, type Engine } from '../support/engine.ts'

/** Threads whose first run is stored before their workflow is started, and what may go wrong between. */
let temporal: Awaited<ReturnType<typeof startTemporal>>
let engine: Engine
/** The threads whose tools were called. */
const calls: string[] = []
const loads = { fail: false }
const settings = settingsOf({})
beforeAll(async () => {
  temporal = await startTemporal()
  const { sleep } = defaultConfig.tools ?? {}
  engine = await startEngine({
    ...{ address: temporal.address, cli: temporal.cli },
    config: {
      ...defaultConfig,
      tools: { ...defaultConfig.tools, sleep: { ...sleep, repeatable: false } },
    } as typeof defaultConfig,
    wrap: (activities) => ({
      ...activities,
      loadThread: (input) => (loads.fail ? Promise.reject(new Error('away')) : activities.loadThread(input)),
      runTool: (input) => {
        calls.push(input.thread_id)
        return activities.runTool(input)
      },
    }),
  })
})
afterAll(async () => {
  await engine.close()
  await temporal.remove()
})

const say = (content: string): Command => ({ type: 'submit', mode: 'queue', messages: [{ role: 'user', content }] })
const hello = (id: string): Command => ({ type: 'submit', mode: 'queue', messages: [{ role: 'user', content: 'hello', id }] })
const stored = (thread: string, { type, ...raw }: Command, delivery_id = thread) =>
  beginThread({ store: engine.store, bus: engine.bus, settings }, engine.ref(thread), {
    ...{ kind: 'command', type, raw, via: 'update', delivery_id },
  })
const start = (thread: string, input: ThreadInput) =>
  engine.client.workflow.start(THREAD_WORKFLOW, { ...startOptions(engine.ref(thread), 'weft'), args: [input] })
const kinds = async (thread: string): Promise<string[]> => (await engine.log(thread)).map(({ kind }) => kind)

test('its log is that of a thread that begins in its workflow, and a repeat gets the first answer', async () => {
  const run_id = await engine.begin('begun', 'hello', { command_id: 'once' })
  const other = await engine.say('not-begun', 'hello', { command_id: 'once' })
  expect(await engine.run(run_id)).toMatchObject({ termination: { type: 'natural_end' }, final_output: 'You said: hello' })
  await engine.run(other)
  expect(await kinds('begun')).toEqual(await kinds('not-begun'))
  checkLog(await engine.log('begun'))
  expect(await engine.say('begun', 'hello', { command_id: 'once' })).toBe(run_id)
  const history = await engine.client.workflow.getHandle('default/begun').fetchHistory()
  expect(history.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads).toHaveLength(1)
})

describe('beside a worker', () => {
  const first_runs = {
    begin: (ref: ThreadRef, command: CommandInput) =>
      beginThread({ store: engine.store, bus: engine.bus, settings }, ref, command),
  }
  const begin = async (thread: string, beside_worker: Client): Promise<string> => {
    const gateway = createGateway({ client: engine.client, timeout_ms: 10_000, first_runs, beside_worker })
    const answer = await gateway.send(engine.ref(thread), hello(thread), { new_thread: true })
    if (!answer.ok) throw new Error(answer.rejection.message)
    return String(answer.outcome['run_id'])
  }
  const eagerly = async (thread: string): Promise<boolean> => {
    const { events } = await engine.client.workflow.getHandle(`default/${thread}`).fetchHistory()
    return events?.[0]?.workflowExecutionStartedEventAttributes?.eagerExecutionAccepted === true
  }

  test('its first task comes with the answer to the start, and no update is sent', async () => {
    const run_id = await begin('eager', engine.besideWorker())
    expect(await engine.run(run_id)).toMatchObject({ final_output: 'You said: hello' })
    expect(await eagerly('eager')).toBe(true)
    const { events } = await engine.client.workflow.getHandle('default/eager').fetchHistory()
    expect(events?.some((event) => event.workflowExecutionUpdateAcceptedEventAttributes != null)).toBe(false)
    checkLog(await engine.log('eager'))
  })

  test('a thread that somebody else has started meanwhile goes on, and the answer is its run', async () => {
    await engine.send('met', { type: 'wake' })
    const run_id = await begin('met', engine.besideWorker())
    expect(await engine.run(run_id)).toMatchObject({ final_output: 'You said: hello' })
    checkLog(await engine.log('met'))
  })

  test('a worker that is told to end meanwhile: the next one has the thread, be it that a task of its was lost', async () => {
    const gone = engine.besideWorker()
    const worker_ended = engine.stopWorker()
    // Until it has ended its connection is open.
    const begun = begin('worker-gone', gone)
    await worker_ended
    const run_id = await begun
    await engine.startWorker()
    expect(await engine.run(run_id)).toMatchObject({ final_output: 'You said: hello' })
    checkLog(await engine.log('worker-gone'))
  })
})

test('a thread that was only created begins as well, and keeps what it was created with', async () => {
  await engine.store.threads.create('default', { id: 'created', title: 'by hand' })
  await engine.run(await engine.begin('created', 'hello'))
  const { events } = await engine.client.workflow.getHandle('default/created').fetchHistory()
  expect(events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads).toHaveLength(1)
  expect(await engine.store.threads.get('default', 'created')).toMatchObject({ title: 'by hand', message_count: 2 })
  checkLog(await engine.log('created'))
})

test('twenty at once with one id are one run, whoever begins it', async () => {
  const runs = await Promise.all(Array.from({ length: 20 }, () => engine.begin('at-once', 'hello', { command_id: 'same' })))
  expect(new Set(runs).size).toBe(1)
  await engine.run(runs[0] ?? '')
  expect((await kinds('at-once')).filter((kind) => kind === 'RunQueued')).toHaveLength(1)
})

test('twenty at once of their own are twenty runs', async () => {
  const runs = await Promise.all(Array.from({ length: 20 }, (_, at) => engine.begin('each', `hello ${String(at)}`)))
  expect(new Set(runs).size).toBe(20)
  for (const run_id of runs) expect((await engine.run(run_id)).status).toBe('done')
  checkLog(await engine.log('each'))
})

test('whoever stored it is gone before the workflow was started: the sweep starts it', async () => {
  const begun = await stored('left', hello('left'))
  const stop = startSweep({ store: engine.store, client: engine.client, interval_ms: 500, log: { warn() {}, info() {} } })
  try {
    const { run_id } = begun?.answer.ok === true ? begun.answer.outcome : {}
    expect(await engine.run(String(run_id))).toMatchObject({ final_output: 'You said: hello' })
    checkLog(await engine.log('left'))
  } finally {
    await stop()
  }
})

test('the store does not answer in time: the thread begins in its workflow', async () => {
  const never = createGateway({
    client: engine.client,
    timeout_ms: 10_000,
    first_runs: { begin: () => new Promise(() => undefined) },
  })
  const away = createGateway({
    client: engine.client,
    timeout_ms: 10_000,
    first_runs: { begin: () => Promise.reject(new Error('away')) },
  })
  for (const [at, gateway] of [never, away].entries()) {
    const thread = `late-${String(at)}`
    const answer = await gateway.send(engine.ref(thread), hello(thread), { new_thread: true })
    if (!answer.ok) throw new Error(answer.rejection.message)
    expect(await engine.run(String(answer.outcome['run_id']))).toMatchObject({ final_output: 'You said: hello' })
  }
})

test('a start that comes late finds that the thread has had another life, and takes the store’s word', async () => {
  const begun = await stored('late-start', hello('late-start'))
  const run_id = begun?.answer.ok === true ? String(begun.answer.outcome['run_id']) : ''
  await engine.send('late-start', { type: 'wake' })
  await engine.run(run_id)
  await engine.cli('workflow', 'terminate', '--workflow-id', 'default/late-start')
  const before = await kinds('late-start')
  if (begun === null) throw new Error('it did not begin')
  await start('late-start', { state: begun.state, inputs: [], first: true })
  // It has done the step once more by then, for nobody.
  const handle = engine.client.workflow.getHandle('default/late-start')
  await eventually(async () => {
    const view = await handle.query<{ status?: string; event_seq?: number }>('thread')
    return view.status === 'idle' && view.event_seq === before.length ? true : undefined
  })
  expect(await kinds('late-start')).toEqual(before)
  await engine.run(await engine.say('late-start', 'and on'))
  checkLog(await engine.log('late-start'))
})

test('a start that comes late to a thread that was deleted calls no model and stores nothing', async () => {
  const begun = await stored('late-deleted', hello('late-deleted'))
  if (begun === null) throw new Error('it did not begin')
  await engine.store.threads.delete('default', 'late-deleted', 'detach')
  await start('late-deleted', { state: begun.state, inputs: [], first: true, begun_at: Date.now() - 60_000 })
  const handle = engine.client.workflow.getHandle('default/late-deleted')
  await handle.result()
  const { events } = await handle.fetchHistory()
  expect(events?.some((event) => event.activityTaskScheduledEventAttributes != null)).toBe(false)
})

test('a reset to the first task loads what the store has', async () => {
  const run_id = await engine.begin('reset', 'hello')
  await engine.run(run_id)
  const before = await kinds('reset')
  await engine.cli('workflow', 'reset', '--workflow-id', 'default/reset', '--type', 'FirstWorkflowTask', '--reason', 'a test')
  await engine.run(await engine.say('reset', 'and on'))
  expect((await kinds('reset')).slice(0, before.length)).toEqual(before)
  checkLog(await engine.log('reset'))
})

test('a start that comes late, after a life that was ended in the middle of a tool, repeats no tool that must not be', async () => {
  const begun = await stored('late-tool', say('/tool sleep {"ms":60000}'))
  if (begun === null) throw new Error('it did not begin')
  await engine.send('late-tool', { type: 'wake' })
  await eventually(() => (calls.includes('late-tool') ? true : undefined))
  await engine.cli('workflow', 'terminate', '--workflow-id', 'default/late-tool')
  await start('late-tool', { state: begun.state, inputs: [], first: true })
  // Whether it did its work nobody knows, so a person is asked.
  const run_id = begun.answer.ok ? String(begun.answer.outcome['run_id']) : ''
  const { waiting } = await engine.run(run_id, ({ status }) => status === 'waiting')
  expect(waiting?.tickets).toHaveLength(1)
  expect(calls.filter((thread) => thread === 'late-tool')).toHaveLength(1)
  checkLog(await engine.log('late-tool'))
})

describe('what is stored has begun, whatever becomes of the start', () => {
  /** A client whose first so many starts fail, as if nothing had come to the server. */
  const failing = (times: number, code = 14): Client => {
    let left = times
    const perhaps = (name: 'start' | 'executeUpdateWithStart'): unknown => {
      const real = engine.client.workflow[name].bind(engine.client.workflow) as (...args: unknown[]) => Promise<unknown>
      return (...args: unknown[]) =>
        left-- > 0 ? Promise.reject(Object.assign(new Error('no'), { code, details: 'no', metadata: {} })) : real(...args)
    }
    const workflow = Object.assign(Object.create(engine.client.workflow) as object, {
      start: perhaps('start'),
      executeUpdateWithStart: perhaps('executeUpdateWithStart'),
    })
    return Object.assign(Object.create(engine.client) as Client, { workflow })
  }
  const told: string[] = []
  const gatewayOver = (client: Client, timeout_ms: number) =>
    createGateway({
      ...{ client, timeout_ms },
      first_runs: {
        begin: (ref, command) => beginThread({ store: engine.store, bus: engine.bus, settings }, ref, command),
        onTrouble: ({ thread_id }, trouble) => void told.push(`${thread_id} ${trouble}`),
      },
    })
  const outcome = (answer: Answer): string => (answer.ok ? String(answer.outcome['run_id']) : answer.rejection.code)

  test('the engine is away: the answer is the run, and the sweep starts its thread', async () => {
    const command = { ...say('hello'), command_id: 'away' } as Command
    const answer = await gatewayOver(failing(Infinity), 500).send(engine.ref('engine-away'), command, { new_thread: true })
    expect(answer).toMatchObject({ ok: true, replayed: false, repeated: false })
    expect(told.at(-1)).toBe('engine-away not_started')
    expect(told.slice(0, -1)).toContain('engine-away start_failed')
    const stop = startSweep({ store: engine.store, client: engine.client, interval_ms: 500, log: { warn() {}, info() {} } })
    try {
      expect(await engine.run(outcome(answer))).toMatchObject({ final_output: 'You said: hello' })
    } finally {
      await stop()
    }
    expect(await engine.say('engine-away', 'hello', { command_id: 'away' })).toBe(outcome(answer))
    checkLog(await engine.log('engine-away'))
  })

  test('the first try is lost, and then the store is: the answer is still the run', async () => {
    loads.fail = true
    try {
      const answer = await gatewayOver(failing(1), 10_000).send(engine.ref('then-away'), say('hello'), { new_thread: true })
      expect(answer).toMatchObject({ ok: true })
      loads.fail = false
      expect(await engine.run(outcome(answer))).toMatchObject({ final_output: 'You said: hello' })
    } finally {
      loads.fail = false
    }
  })

  test('nobody knows whether it is stored, and the thread cannot say: it is not refused', async () => {
    loads.fail = true
    try {
      const late = createGateway({
        ...{ client: engine.client, timeout_ms: 10_000 },
        first_runs: { begin: () => Promise.reject(new Error('the connection was lost')) },
      })
      await expect(late.send(engine.ref('unknown'), say('hello'), { new_thread: true })).rejects.toThrow(ThreadUnavailable)
    } finally {
      loads.fail = false
    }
  })
})

test('a worker of before begins with it as with any state that is handed over', async () => {
  // What it does not know in the input it does not look at.
  const begun = await stored('older', say('hello'))
  if (begun === null) throw new Error('it did not begin')
  await start('older', { state: begun.state, inputs: [] })
  const run_id = begun.answer.ok ? String(begun.answer.outcome['run_id']) : ''
  expect(await engine.run(run_id)).toMatchObject({ final_output: 'You said: hello' })
  expect(await kinds('older')).not.toContain('RunRescheduled')
})
