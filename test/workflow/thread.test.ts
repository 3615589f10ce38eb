import { Runtime } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { startEngine, startTemporal, eventually, type Engine } from '../support/engine.ts'
import { checkLog } from '../support/check-log.ts'

/** The thread's workflow on a real server: what people do to it, from every side. */
let temporal: Awaited<ReturnType<typeof startTemporal>>
let engine: Engine
beforeAll(async () => {
  temporal = await startTemporal()
  engine = await startEngine({ address: temporal.address, cli: temporal.cli })
})
afterAll(async () => {
  await engine.close()
  await temporal.remove()
})
let count = 0
const newThread = (): string => `thread-${String(++count)}`
const email = '/tool send_email {"to":"ada@example.com","subject":"hi","body":"there"}'

describe('a run', () => {
  test('answers, and operators see what it does', async () => {
    const thread = newThread()
    const run = await engine.run(await engine.say(thread, 'hello world'))
    expect(run).toMatchObject({ termination: { type: 'natural_end' }, final_output: 'You said: hello world', steps: 1 })
    expect(await engine.messages(thread)).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: 'You said: hello world' },
    ])
    const handle = engine.client.workflow.getHandle(`default/${thread}`)
    const description = await eventually(async () => {
      const found = await handle.describe()
      return found.searchAttributes['WeftStatus']?.[0] === 'idle' ? found : undefined
    })
    expect(description.searchAttributes).toMatchObject({ WeftAgent: ['default'], WeftWaiting: [false], WeftTenant: ['default'] })
    expect(await handle.query('thread')).toMatchObject({ status: 'idle', message_seq: 2, unstored_events: 0 })
    expect(await handle.query('active_run')).toEqual({ active_run: null })
    checkLog(await engine.log(thread))
  })

  test.each([
    { begins: 'in its workflow', markers: 2, events: 16 },
    { begins: 'in the store', markers: 1, events: 13 },
  ])('that begins $begins costs the engine so many tasks and events', async ({ begins, markers, events }) => {
    const thread = newThread()
    const handle = engine.client.workflow.getHandle(`default/${thread}`)
    const counts = () =>
      eventually(async () => {
        const { searchAttributes } = await handle.describe()
        if (searchAttributes['WeftStatus']?.[0] !== 'idle') return undefined
        const { events } = (await handle.fetchHistory()) ?? {}
        const tasks = events?.filter((event) => event.workflowTaskCompletedEventAttributes != null).length
        const markers = events?.filter((event) => event.markerRecordedEventAttributes != null).length
        const upserts = events?.filter((event) => event.upsertWorkflowSearchAttributesEventAttributes != null).length
        return { tasks, markers, upserts, events: events?.length }
      })
    const first = begins === 'in the store' ? engine.begin : engine.say
    await engine.run(await first.call(engine, thread, 'hello', { agent_id: 'default' }))
    expect(await counts()).toEqual({ tasks: 2, markers, upserts: 1, events })
    await engine.run(await engine.say(thread, 'and again', { agent_id: 'default' }))
    expect(await counts()).toEqual({ tasks: 4, markers: markers + 2, upserts: 3, events: events + 15 })
  })

  test('makes the SDK take no note of each step of its work', async () => {
    const noted = vi.spyOn(Runtime.instance().logger, 'trace')
    try {
      await engine.run(await engine.say(newThread(), 'hello'))
      expect(noted).not.toHaveBeenCalled()
    } finally {
      noted.mockRestore()
    }
  })

  test('goes through tools side by side and a loop of steps', async () => {
    const thread = newThread()
    const run = await engine.run(await engine.say(thread, '/tool get_weather {"city":"Paris"}\n/tool sleep {"ms":50}'))
    expect(run).toMatchObject({ steps: 2, termination: { type: 'natural_end' } })
    const loop = await engine.run(await engine.say(thread, '/loop 3'))
    expect(loop).toMatchObject({ steps: 4, termination: { type: 'natural_end' } })
    checkLog(await engine.log(thread))
  })

  test('retries what can be retried and shows each attempt', async () => {
    const thread = newThread()
    const run = await engine.run(await engine.say(thread, '/fail 2 503\nhello'))
    expect(run.termination).toEqual({ type: 'natural_end' })
    const log = await engine.log(thread)
    expect(log.filter((event) => event.kind === 'RunRescheduled').map((event) => event.payload['attempt'])).toEqual([2, 3])
    const failed = await engine.run(await engine.say(thread, '/fail 9 401'))
    expect(failed).toMatchObject({ termination: { type: 'error' }, steps: 0 })
    checkLog(await engine.log(thread))
  })

  test('a queued message waits its turn and then is answered', async () => {
    const thread = newThread()
    const first = await engine.say(thread, '/slow 300\nfirst')
    const second = await engine.say(thread, 'second')
    expect((await engine.run(second, () => true)).status).toBe('created')
    await engine.run(second)
    expect((await engine.run(first)).termination).toEqual({ type: 'natural_end' })
    expect((await engine.messages(thread)).map((message) => message.role)).toEqual(['user', 'assistant', 'user', 'assistant'])
    checkLog(await engine.log(thread))
  })
})

describe('a decision', () => {
  test('by update: the tool runs once and the run ends', async () => {
    const thread = newThread()
    const run_id = await engine.say(thread, email)
    const { waiting } = await engine.run(run_id, (run) => run.status === 'waiting')
    const tool_call_id = waiting?.tickets[0]?.tool_call_id ?? ''
    const input = JSON.stringify({ tool_call_id, action: 'resume' })
    const printed = await engine.cli(
      'workflow',
      'update',
      'execute',
      '--workflow-id',
      `default/${thread}`,
      '--name',
      'decision',
      '--input',
      input,
    )
    expect(printed).toContain('ok:true')
    expect((await engine.run(run_id)).termination).toEqual({ type: 'natural_end' })
    expect((await engine.log(thread)).filter((event) => event.kind === 'ToolCallDone')).toHaveLength(1)
  })

  test('by signal, with the very command that the Temporal UI shows', async () => {
    const thread = newThread()
    const run_id = await engine.say(thread, email)
    await engine.run(run_id, (run) => run.status === 'waiting')
    const metadata = await engine.cli('workflow', 'metadata', '--workflow-id', `default/${thread}`, '--output', 'json')
    const details = (JSON.parse(metadata) as { queryResult: { currentDetails: string }[] }).queryResult[0]?.currentDetails ?? ''
    const command = details.split('\n').find((line) => line.includes('workflow signal'))
    expect(command).toBeDefined()
    const parts = [...(command ?? '').matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '')
    await engine.cli(...parts.slice(1))
    expect((await engine.run(run_id)).termination).toEqual({ type: 'natural_end' })
    checkLog(await engine.log(thread))
  })

  test('a denial ends in an answer that knows of it', async () => {
    const thread = newThread()
    const run_id = await engine.say(thread, email)
    const { waiting } = await engine.run(run_id, (run) => run.status === 'waiting')
    const tool_call_id = waiting?.tickets[0]?.tool_call_id ?? ''
    await engine.send(thread, { type: 'decision', tool_call_id, action: 'cancel', reason: 'not today' })
    const run = await engine.run(run_id)
    expect(run.final_output).toContain('not today')
  })

  test('a result from outside stands in for the tool’s', async () => {
    const thread = newThread()
    const run_id = await engine.say(thread, '/tool ask_user {"question":"which colour?"}')
    const { waiting } = await engine.run(run_id, (run) => run.status === 'waiting')
    const tool_call_id = waiting?.tickets[0]?.tool_call_id ?? ''
    await engine.send(thread, { type: 'decision', tool_call_id, action: 'resume', payload: { result: { colour: 'teal' } } })
    expect((await engine.run(run_id)).final_output).toContain('teal')
    checkLog(await engine.log(thread))
  })
})

describe('interrupting', () => {
  test('a slow model call stops at once, its text stays, and the next message is answered', async () => {
    const thread = newThread()
    const run_id = await engine.say(thread, '/slow 10000\none two three four five six seven eight nine ten')
    await eventually(async () => ((await engine.log(thread)).some((event) => event.kind === 'RunStarted') ? true : undefined))
    await new Promise((resolve) => setTimeout(resolve, 1_500)) // long enough that some of it has been streamed
    const before = Date.now()
    await engine.send(thread, { type: 'interrupt', mode: 'graceful', queue: 'keep' })
    expect((await engine.run(run_id)).termination).toEqual({ type: 'cancelled' })
    expect(Date.now() - before).toBeLessThan(1_500)
    expect((await engine.messages(thread)).at(-1)).toMatchObject({ role: 'assistant', interrupted: true })
    expect((await engine.run(await engine.say(thread, 'again'))).final_output).toBe('You said: again')
    checkLog(await engine.log(thread))
  })

  test('a running tool is cancelled and its call has a result', async () => {
    const thread = newThread()
    const run_id = await engine.say(thread, '/tool sleep {"ms":60000}')
    await eventually(async () => ((await engine.log(thread)).some((event) => event.kind === 'ToolCallReady') ? true : undefined))
    await engine.send(thread, { type: 'cancel', run_id })
    expect((await engine.run(run_id)).termination).toEqual({ type: 'cancelled' })
    expect((await engine.log(thread)).some((event) => event.kind === 'ToolCallCancelled')).toBe(true)
    expect((await engine.run(await engine.say(thread, 'again'))).final_output).toBe('You said: again')
    checkLog(await engine.log(thread))
  })

  test('two foreground messages at once: the later one wins, every time', async () => {
    const thread = newThread()
    for (let i = 0; i < 20; i++) {
      const runs = await Promise.all(['a', 'b'].map((text) => engine.say(thread, text, { mode: 'foreground' })))
      const ends = await Promise.all(runs.map((run_id) => engine.run(run_id)))
      const ended = ends.map((run) => run.termination?.type)
      expect(ended).toContain('natural_end')
      expect(['natural_end', 'cancelled', 'superseded']).toEqual(expect.arrayContaining(ended))
    }
    checkLog(await engine.log(thread))
  })
})

describe('garbage', () => {
  test('of every kind is refused in the log, and the thread goes on', async () => {
    const thread = newThread()
    await engine.run(await engine.say(thread, 'hello'))
    const signal = (...args: string[]) => engine.cli('workflow', 'signal', '--workflow-id', `default/${thread}`, ...args)
    await signal('--name', 'submit', '--input', 'null')
    await signal('--name', 'submit', '--input', '{"messages": 7}')
    await signal('--name', 'decision', '--input', '"yes"')
    await signal('--name', 'no_such_signal', '--input', '{}')
    await engine.client.workflow.getHandle(`default/${thread}`).signal('__temporal_strange')
    await signal('--name', 'submit', '--input', 'not json at all', '--input-meta', 'encoding=binary/strange')
    await engine.client.workflow.getHandle(`default/${thread}`).signal('submit', { messages: 'x'.repeat(1_000_000) })
    const rejected = await eventually(async () => {
      const found = (await engine.log(thread)).filter((event) => event.kind === 'CommandRejected')
      return found.length === 7 ? found : undefined
    })
    expect(rejected.map((event) => event.payload['code'])).toEqual([
      'invalid_command',
      'invalid_command',
      'invalid_command',
      'unknown_command',
      'unknown_command',
      'undecodable_payload',
      'payload_too_large',
    ])
    await expect(
      engine.cli(
        'workflow',
        'update',
        'execute',
        '--workflow-id',
        `default/${thread}`,
        '--name',
        'submit',
        '--input',
        '{"messages":[]}',
      ),
    ).rejects.toThrow(/messages must be a list/)
    expect((await engine.run(await engine.say(thread, 'still there?'))).final_output).toBe('You said: still there?')
    checkLog(await engine.log(thread))
  })

  test('a workflow that is cancelled from outside interrupts its thread and lives on', async () => {
    const thread = newThread()
    const run_id = await engine.say(thread, '/slow 20000\none two three')
    await engine.run(run_id, (run) => run.status === 'running')
    await engine.cli('workflow', 'cancel', '--workflow-id', `default/${thread}`)
    expect((await engine.run(run_id)).termination).toEqual({ type: 'cancelled' })
    expect((await engine.run(await engine.say(thread, 'again'))).final_output).toBe('You said: again')
  })
})
