import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createWebhookActivities } from '../../activities/deliver-webhooks.ts'
import { defineConfig, tool } from '../../src/agent/define-config.ts'
import { NO_PROVIDERS } from '../../src/agent/providers.ts'
import { createStore, type Store } from '../../src/store/index.ts'
import { allowNetworks } from '../../src/webhooks/addresses.ts'
import { checkLog } from '../support/check-log.ts'
import { eventually, startEngine, type Engine } from '../support/engine.ts'
import { startOpenAiServer, type Answer, type OpenAiServer } from '../support/openai-server.ts'
import { startReceiver } from '../support/receiver.ts'
import { missing, startTimeSkipping, type TimeSkipping } from './support/time-skipping.ts'
import { cache_dir } from '../support/cache.ts'

/** What waits for hours and days, on Temporal's test server, where they pass in a moment. */

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const IDLE_CLOSE_MS = 8 * DAY
const FETCH_MS = 300_000

const absent = missing()
if (absent !== null) console.error(`Without ${absent} the tests of long times are left out.`)

describe.skipIf(absent !== null)('time that passes', () => {
  let server: TimeSkipping
  let engine: Engine
  let store: Store
  let model: OpenAiServer
  const answers: Answer[] = []
  beforeAll(async () => {
    model = await startOpenAiServer({ answers })
    server = await startTimeSkipping()
    store = await createStore({ cache_dir, timeout_ms: 900 })
    await store.migrate()
    const ask = { inputSchema: z.object({}), needsApproval: true, execute: () => 'done' }
    const config = defineConfig({
      agents: [
        { id: 'default', model: 'scripted', tools: ['day', 'ever'] },
        { id: 'remote', model: 'compatible/m' },
      ],
      tools: { day: tool({ ...ask, expiresInMs: DAY }), ever: tool(ask) },
    })
    engine = await startEngine({
      address: server.address,
      cli: 'temporal',
      store,
      config,
      providers: { ...NO_PROVIDERS, openai: { apiKey: 'k', baseUrl: model.base_url, model: 'm' } },
      wrap: (activities) => ({
        ...activities,
        ...createWebhookActivities({
          store,
          allowed: allowNetworks(['127.0.0.1']),
          retry: { first_ms: SECOND, give_up_ms: MINUTE },
          logger: { debug() {}, warn() {}, error() {} },
        }),
      }),
      // The test server refuses search attributes that nobody has registered.
      settings: { search_attributes: false, idle_close_ms: IDLE_CLOSE_MS },
    })
  }, FETCH_MS)
  afterAll(async () => {
    await engine?.close()
    await store?.close()
    await server?.stop()
    await model?.close()
  })

  const kinds = async (thread: string): Promise<string[]> => (await engine.log(thread)).map(({ kind }) => kind)
  const waiting = (run_id: string) => engine.run(run_id, ({ status }) => status === 'waiting')

  test('a ticket expires after its day and not before; one without an end waits for ever', async () => {
    const [limited, endless] = [await engine.say('day', '/tool day'), await engine.say('ever', '/tool ever')]
    await Promise.all([waiting(limited), waiting(endless)])
    await server.pass(DAY - MINUTE)
    expect(await kinds('day')).not.toContain('ToolPermissionExpired')
    await server.pass(2 * MINUTE)
    const run = await engine.run(limited)
    expect(run).toMatchObject({ termination: { type: 'natural_end' } })
    expect(run.final_output).toContain('nobody decided in time')
    expect(await kinds('day')).toContain('ToolPermissionExpired')
    await server.pass(7 * DAY)
    expect(await engine.run(endless, () => true)).toMatchObject({ status: 'waiting' })
  })

  test('a held message waits its ten minutes and then makes its run', async () => {
    const thread = 'held'
    // Behind a run that waits for its provider: the test server fails tasks that cancel an activity.
    answers.push({ kind: 'status', status: 503, retry_after: '300' })
    const first = await engine.say(thread, 'hello', { agent_id: 'remote' })
    await eventually(async () => ((await kinds(thread)).includes('RunRescheduled') ? true : undefined))
    const second = await engine.say(thread, 'later', { messages: [{ role: 'user', content: 'later', id: 'kept' }] })
    await engine.send(thread, { type: 'hold_pending', pending_id: 'kept', ttl_ms: 10 * MINUTE })
    await server.pass(6 * MINUTE)
    await engine.run(first)
    await server.pass(3 * MINUTE)
    expect(await kinds(thread)).not.toContain('PendingReleased')
    await server.pass(2 * MINUTE)
    expect(await engine.run(second)).toMatchObject({ termination: { type: 'natural_end' }, final_output: 'Echo: "later"' })
    const released = (await engine.log(thread)).find(({ kind }) => kind === 'PendingReleased')
    expect(released?.payload).toMatchObject({ pending_id: 'kept', reason: 'expired' })
  })

  test('a provider that asks for an hour gets it', async () => {
    const { requests } = model
    const before = requests.length
    answers.push({ kind: 'status', status: 503, retry_after: '3600' })
    const run_id = await engine.say('backoff', 'hello', { agent_id: 'remote' })
    await eventually(async () => ((await kinds('backoff')).includes('RunRescheduled') ? true : undefined))
    await server.pass(59 * MINUTE)
    expect(requests).toHaveLength(before + 1)
    await server.pass(2 * MINUTE)
    expect(await engine.run(run_id)).toMatchObject({ termination: { type: 'natural_end' } })
    expect(requests).toHaveLength(before + 2)
  })

  test('a run that waits for a person ends with its deadline', async () => {
    const run_id = await engine.say('deadline', '/tool ever', { overrides: { deadline_ms: DAY } })
    await waiting(run_id)
    await server.pass(DAY - MINUTE)
    expect(await engine.run(run_id, () => true)).toMatchObject({ status: 'waiting' })
    await server.pass(2 * MINUTE)
    expect(await engine.run(run_id)).toMatchObject({ termination: { type: 'stopped' } })
  })

  test('an idle thread closes after its time, and a message brings it back', async () => {
    const thread = 'idle'
    const status = async (): Promise<string> =>
      (await engine.client.workflow.getHandle(`default/${thread}`).describe()).status.name
    await engine.run(await engine.say(thread, 'hello'))
    await server.pass(IDLE_CLOSE_MS - HOUR)
    expect(await status()).toBe('RUNNING')
    // A further run is not worth another timer: the first one looks again.
    await engine.run(await engine.say(thread, 'still there?'))
    await server.pass(2 * HOUR)
    expect(await status()).toBe('RUNNING')
    await server.pass(IDLE_CLOSE_MS)
    await eventually(async () => ((await status()) === 'COMPLETED' ? true : undefined))
    expect(await engine.run(await engine.say(thread, 'and now?'))).toMatchObject({ final_output: 'You said: and now?' })
    checkLog(await engine.log(thread))
  })

  test('a webhook is told again after its pause, however far ahead Temporal’s clock is', async () => {
    const id = 'told'
    const receiver = await startReceiver((_told, n) => ({ status: n === 1 ? 500 : 200 }))
    await server.pass(DAY)
    const row = { id, tenant: 'default', url: receiver.url, description: null, secret: 's', kinds: ['RunFinished' as const] }
    await store.webhooks.create({ ...row, created_at: Date.now() }, 100)
    await engine.run(await engine.say('tells', 'hello'))
    const handle = await engine.client.workflow.start('webhook', {
      workflowId: `webhook:${id}`,
      taskQueue: 'weft',
      args: [{ webhook_id: id }],
    })
    await handle.result()
    const [first, second] = receiver.told
    expect(receiver.told).toHaveLength(2)
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(900)
    const { events } = await handle.fetchHistory()
    const calls = (events ?? []).filter(({ activityTaskScheduledEventAttributes: call }) => call != null)
    expect(calls.length, 'it asks no more often than it must').toBeLessThan(5)
    await receiver.close()
  })
})
