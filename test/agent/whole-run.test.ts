import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agent/define-config.ts'
import type { WeftConfig } from '../../src/agent/define-config.ts'
import { exampleTools } from '../../src/agent/example-tools.ts'
import type { Store } from '../../src/store/store.ts'
import { checkStore } from '../support/check-everywhere.ts'
import { Thread } from './whole-thread.ts'
import { openStore } from './world.ts'

let store: Store
beforeAll(async () => {
  store = await openStore()
}, 60_000)
afterAll(async () => {
  await checkStore(store)
  await store.close()
})

const open = (config?: WeftConfig): Promise<Thread> => Thread.open(store, config)

it('plain text', async () => {
  const thread = await open()
  await thread.say('hello there')
  expect(await thread.run()).toMatchObject({
    status: 'done',
    termination: { type: 'natural_end' },
    final_output: 'You said: hello there',
    steps: 1,
  })
  await thread.say('and again')
  expect(await thread.run()).toMatchObject({ final_output: 'You said: and again' })
})

it('tools, failures and refusals', async () => {
  const thread = await open()
  await thread.say('/fail 1 500\n/tool get_weather {"city":"Oslo"}\n/tool nope {}\n/tool sleep {"ms":"x"}\nok')
  const { final_output, steps } = await thread.run()
  expect(steps).toBe(2)
  expect(final_output?.split('\n')).toEqual([
    'You said: ok',
    expect.stringMatching(/^get_weather returned: \{"city":"Oslo",/),
    'nope failed: there is no tool named "nope"; the tools are: get_weather, sleep, send_email, ask_user, remember, remind',
    'sleep failed: the arguments do not fit the tool sleep: ms: Invalid input: expected number, received string',
  ])
})

it('approval, denial, edited arguments and an answer from outside', async () => {
  const thread = await open()
  const mail = '/tool send_email {"to":"a@b.c","subject":"x"}'
  await thread.say(`${mail}\n${mail}\n${mail}\n/tool ask_user {"question":"Which?"}`)
  const waiting = await thread.run()
  expect(waiting).toMatchObject({ status: 'waiting' })
  const ids = waiting.waiting?.tickets.map((ticket) => ticket.tool_call_id) ?? []
  expect(ids).toHaveLength(4)
  await thread.send('decision', { tool_call_id: ids[0], action: 'resume' })
  await thread.send('decision', { tool_call_id: ids[1], action: 'resume', payload: { approved: false, reason: 'not today' } })
  await thread.send('decision', {
    tool_call_id: ids[2],
    action: 'resume',
    payload: { edited_args: { to: 'z@b.c', subject: 'y' } },
  })
  await thread.send('decision', { tool_call_id: ids[3], action: 'resume', payload: { result: 'the blue one' } })
  const { status, final_output } = await thread.run()
  expect(status).toBe('done')
  expect(final_output?.split('\n')).toEqual([
    'send_email returned: {"sent":true,"to":"a@b.c","subject":"x"}',
    expect.stringMatching(/^send_email failed: .*not today/),
    'send_email returned: {"sent":true,"to":"z@b.c","subject":"y"}',
    'ask_user returned: the blue one',
  ])
})

it('arguments that do not fit never reach a tool: not as the model wrote them, nor as a person edited them', async () => {
  const reached: unknown[] = []
  const pay = tool({
    inputSchema: z.strictObject({ amount: z.number().max(10) }),
    needsApproval: true,
    execute: (input) => {
      reached.push(input)
      return 'paid'
    },
  })
  const thread = await open({ agents: [{ id: 'default', tools: ['pay'] }], tools: { pay } })
  await thread.say('/tool pay {"amount":11}\n/tool pay {"amount":1}\n/tool pay {"amount":2}\n/tool pay {"amount":3}')
  const ids = (await thread.run()).waiting?.tickets.map((ticket) => ticket.tool_call_id) ?? []
  // Nobody is asked about a call that cannot be made.
  expect(ids).toHaveLength(3)
  const edits = [{ amount: 1_000_000 }, { amount: 4, to: 'me' }, { amount: 5 }]
  for (const [index, edited_args] of edits.entries())
    await thread.send('decision', { tool_call_id: ids[index], action: 'resume', payload: { approved: true, edited_args } })
  expect((await thread.run()).final_output?.split('\n')).toEqual([
    expect.stringMatching(/^pay failed: the arguments do not fit/),
    expect.stringMatching(/^pay failed: the arguments do not fit/),
    expect.stringMatching(/^pay failed: the arguments do not fit/),
    'pay returned: paid',
  ])
  expect(reached).toEqual([{ amount: 5 }])
})

it('a ticket that expires ends its call, and the run goes on', async () => {
  const mail = tool({ ...exampleTools.send_email, expiresInMs: 50 })
  const thread = await open({ agents: [{ id: 'default', tools: ['mail'] }], tools: { mail } })
  await thread.say('/tool mail {"to":"a@b.c","subject":"x"}')
  const { status, final_output } = await thread.run()
  expect(status).toBe('done')
  expect(final_output).toMatch(/^mail failed: .*expired/)
})

it('loops, and arguments too large to travel', async () => {
  const thread = await open()
  await thread.say(`/tool send_email ${JSON.stringify({ to: 'a', subject: 'x', body: 'y'.repeat(5000) })}\n/loop 3`)
  const { waiting } = await thread.run()
  await thread.send('decision', { ticket_id: waiting?.tickets[0]?.ticket_id, action: 'resume' })
  expect(await thread.run()).toMatchObject({ status: 'done', steps: 5 })
})

it("a reminder is read by the tool's own run, at its boundary", async () => {
  const thread = await open()
  await thread.say('/tool remind {"text":"the oven"}')
  expect(await thread.run()).toMatchObject({ status: 'done', steps: 2, final_output: 'You said: the oven' })
  expect(await thread.added()).toEqual([
    'user external /tool remind {"text":"the oven"}',
    'assistant external …',
    'tool external …',
    'user internal the oven',
    'assistant external You said: the oven',
  ])
  await thread.say('/tool remind {"text":"/tool get_weather {\\"city\\":\\"Oslo\\"}","boundary":"on_natural_end"}')
  const { status, steps, final_output } = await thread.run()
  expect([status, steps]).toEqual(['done', 4])
  expect(final_output).toMatch(/^get_weather returned: \{"city":"Oslo"/)
  expect((await thread.added()).slice(3, 5)).toEqual([
    expect.stringMatching(/^assistant external remind returned: .*"boundary":"on_natural_end"\}$/),
    expect.stringMatching(/^user internal .tool get_weather/),
  ])
  await thread.say('hello')
  expect(await thread.run()).toMatchObject({ steps: 1, final_output: 'You said: hello' })
})

it('what is remembered outlives its run, and makes the system prompt of the next', async () => {
  const seen: unknown[] = []
  const thread = await open({
    agents: [{ id: 'default', model: 'scripted', tools: ['remember'], system: (state) => JSON.stringify(seen.push(state)) }],
    tools: exampleTools,
  })
  await thread.say('/tool remember {"key":"city","value":"Oslo"}\n/tool remember {"key":"tries","value":2}\nthanks')
  const first = await thread.run()
  expect(first.final_output).toMatch(/^You said: thanks\nremember returned: \{"kept":\{.*"city":"Oslo".*/)
  await thread.say('/tool remember {"key":"tries","value":null}')
  const second = await thread.run()
  expect(second.final_output).toBe('remember returned: {"kept":{"city":"Oslo"}}')
  expect(seen).toEqual([{}, { city: 'Oslo', tries: 2 }])
  expect(first.agent_version).not.toBe(second.agent_version)
})
