import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../support/engine.ts'
import { emailTo, installOutbox } from './support/outbox.ts'
import { isText, kindsOf, Weft } from './support/weft.ts'

/** `kill -9` while much is under way: after the next start every thread goes on where it was. */
const weft = new Weft()
const outbox = installOutbox(weft)
afterAll(() => weft.close())

const runOf = (answer: { headers: Headers }): string => (answer.headers.get('content-location') ?? '').replace('/v1/runs/', '')
const words = Array.from({ length: 20 }, (_, index) => `word${String(index)}`).join(' ')

describe.each([
  ['the program', false],
  ['the program and its Temporal server', true],
])('kill -9 of %s', (_name, everything) => {
  const name = (thread: string): string => `${thread}-${everything ? 'all' : 'one'}`
  const runs: Record<'step' | 'tool' | 'unsafe' | 'ticket', string> = { step: '', tool: '', unsafe: '', ticket: '' }
  let queued: string[] = []
  let ticket = { tool_call_id: '' }

  beforeAll(async () => {
    await weft.start()
    const step = await weft.run(name('step'), `/slow 4000\n${words}`)
    runs.step = runOf(step.response)
    const tool = await weft.run(name('tool'), '/tool sleep {"ms":2000}')
    runs.tool = runOf(tool.response)
    const unsafe = await weft.run(name('unsafe'), `/tool slow_email {"to":"${name('unsafe')}","ms":60000}`)
    runs.unsafe = runOf(unsafe.response)
    const asked = (await (await weft.run(name('ticket'), emailTo(name('ticket')))).all()).at(-1)
    runs.ticket = asked.run_id
    ticket = asked.tickets[0]
    await weft.run(name('queue'), `/slow 2000\n${words}`)
    await Promise.all([step.until(isText), tool.until(isReady), unsafe.until(isReady)])
    await eventually(() => (outbox.sent(name('unsafe')).length === 1 ? true : undefined))
    // All are answered with 202 before the program dies, the last of them just before.
    queued = await Promise.all(['one', 'two', 'three'].map((text) => weft.queue(name('queue'), text)))
    await weft.kill({ everything })
    await weft.start()
  }, 60_000)
  afterAll(async () => {
    await weft.stop()
  })
  afterEach(() => weft.checkLogs())

  test('in the middle of an answer: the step is tried again and each message is there once', async () => {
    expect(await weft.record(runs.step)).toMatchObject({ termination: { type: 'natural_end' }, steps: 1 })
    const messages = await weft.messages(name('step'))
    expect(messages.map(({ role, content, message_seq }) => [message_seq, role, content])).toEqual([
      [1, 'user', `/slow 4000\n${words}`],
      [2, 'assistant', `You said: ${words}`],
    ])
    expect(kindsOf(await weft.log(name('step')))).toContain('RunRescheduled')
  })

  test('in a tool that may be repeated: it runs again, and its call has one result', async () => {
    expect(await weft.record(runs.tool)).toMatchObject({ termination: { type: 'natural_end' } })
    expect((await weft.messages(name('tool'))).map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant'])
  })

  test('in a tool that may not: it is never run again by itself, a person is asked', async () => {
    const { waiting } = await weft.record(runs.unsafe, ({ status }) => status === 'waiting')
    expect(waiting.tickets).toMatchObject([{ tool_name: 'slow_email' }])
    const [{ tool_call_id }] = waiting.tickets
    const decision = { tool_call_id, action: 'resume', payload: { result: 'it was sent, I have looked' } }
    expect(await weft.client.call('POST', `/v1/runs/${runs.unsafe}/decision`, decision)).toMatchObject({ status: 202 })
    const run = await weft.record(runs.unsafe)
    expect(run).toMatchObject({ termination: { type: 'natural_end' } })
    expect(run.final_output).toContain('I have looked')
    expect(outbox.sent(name('unsafe'))).toHaveLength(1)
  })

  test('while a ticket waits: it is still there, and after the approval the tool runs once', async () => {
    expect(await weft.record(runs.ticket, () => true)).toMatchObject({ status: 'waiting', waiting: { tickets: [ticket] } })
    const decision = { tool_call_id: ticket.tool_call_id, action: 'resume' }
    expect(await weft.client.call('POST', `/v1/runs/${runs.ticket}/decision`, decision)).toMatchObject({ status: 202 })
    expect(await weft.record(runs.ticket)).toMatchObject({ termination: { type: 'natural_end' } })
    expect(outbox.sent(name('ticket'))).toHaveLength(1)
  })

  test('right after messages were accepted: each is answered, in the order they came', async () => {
    const ends = await Promise.all(queued.map((run_id) => weft.record(run_id)))
    for (const { termination } of ends) expect(['natural_end', 'coalesced']).toContain(termination.type)
    const said = (await weft.messages(name('queue'))).filter(({ role }) => role === 'user').map(({ content }) => content)
    expect(said.slice(1).sort()).toEqual(['one', 'three', 'two'])
    const accepted = (await weft.log(name('queue'))).filter(({ kind }) => kind === 'PendingDelivered')
    expect(said.slice(1)).toEqual(accepted.map(({ payload }) => payload['content']))
  })
})

function isReady({ event_type }: { event_type: string }): boolean {
  return event_type === 'tool_call_ready'
}
