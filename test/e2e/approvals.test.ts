import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { emailTo, installOutbox } from './support/outbox.ts'
import { kindsOf, names, Weft } from './support/weft.ts'

/** A tool that needs a person: every way to decide, and the tool runs exactly as often as it was approved. */
const weft = new Weft()
const outbox = installOutbox(weft)
beforeAll(() => weft.start())
afterEach(() => weft.checkLogs())
afterAll(() => weft.close())
const newThread = names('approval')

type Ticket = { ticket_id: string; tool_call_id: string; tool_name: string }
type Asked = { run_id: string; ticket: Ticket }

/** Starts a run that asks for an e-mail to somebody named like the thread; its stream ends at the ticket. */
async function askFor(thread: string): Promise<Asked> {
  const frames = await (await weft.run(thread, emailTo(thread))).all()
  const { run_id, termination, tickets } = frames.at(-1)
  expect(frames.at(-1)).toMatchObject({ event_type: 'run_finish', termination: { type: 'suspended' } })
  expect(termination.value).toEqual({ reason: 'tool_permission', tickets })
  expect(tickets).toMatchObject([{ tool_name: 'send_email', arguments: { to: thread, subject: 'hi' } }])
  expect(outbox.sent(thread)).toEqual([])
  return { run_id, ticket: tickets[0] }
}

function decide(target: string, ticket: Ticket, decision: object = { action: 'resume' }) {
  return weft.client.call('POST', `/v1/${target}/decision`, { tool_call_id: ticket.tool_call_id, ...decision })
}

function cliDecision(thread: string, { tool_call_id }: Ticket): string[] {
  const input = JSON.stringify({ tool_call_id, action: 'resume' })
  return ['--workflow-id', `default/${thread}`, '--name', 'decision', '--input', input]
}

async function expectSentOnce(thread: string, { run_id, ticket }: Asked): Promise<void> {
  const run = await weft.record(run_id)
  expect(run).toMatchObject({ termination: { type: 'natural_end' }, waiting: null })
  expect(run.final_output).toContain('send_email returned')
  expect(outbox.sent(thread)).toEqual([{ tool_call_id: ticket.tool_call_id, to: thread }])
}

/** Each leaves the decision with the thread; the origin that the log names. */
const WAYS: [name: string, origin: string, way: (thread: string, asked: Asked) => Promise<unknown>][] = [
  ['HTTP, by run', 'http', (_thread, { run_id, ticket }) => decide(`runs/${run_id}`, ticket)],
  ['HTTP, by thread', 'http', (thread, { ticket }) => decide(`threads/${thread}`, ticket)],
  ['temporal workflow signal', 'signal', (thread, { ticket }) => weft.cli('workflow', 'signal', ...cliDecision(thread, ticket))],
  [
    'temporal workflow update execute',
    'update',
    (thread, { ticket }) => weft.cli('workflow', 'update', 'execute', ...cliDecision(thread, ticket)),
  ],
]

describe.each(WAYS)('an approval by %s', (_name, origin, way) => {
  test('lets the tool run once, and the run ends', async () => {
    const thread = newThread()
    const asked = await askFor(thread)
    await way(thread, asked)
    await expectSentOnce(thread, asked)
    const log = await weft.log(thread)
    expect(log.filter(({ kind }) => kind === 'MailboxDecisionReceived').map(({ payload }) => payload['origin'])).toEqual([origin])
  })
})

test('a restart in between loses no ticket, whichever way each is then decided', async () => {
  const waiting: { thread: string; asked: Asked; way: (typeof WAYS)[number][2] }[] = []
  for (const [, , way] of WAYS) {
    const thread = newThread()
    waiting.push({ thread, asked: await askFor(thread), way })
  }
  await weft.restart()
  for (const { thread, asked, way } of waiting) {
    const { body } = await weft.client.call('GET', `/v1/runs/${asked.run_id}`)
    expect(body).toMatchObject({ status: 'waiting', waiting: { tickets: [asked.ticket] } })
    await way(thread, asked)
  }
  for (const { thread, asked } of waiting) await expectSentOnce(thread, asked)
})

test('twenty approvals at once let the tool run once', async () => {
  const thread = newThread()
  const asked = await askFor(thread)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      decide(index % 2 === 0 ? `threads/${thread}` : `runs/${asked.run_id}`, asked.ticket),
    ),
  )
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(1)
  expect(answers.filter(({ body }) => body.code === 'already_decided')).toHaveLength(19)
  await expectSentOnce(thread, asked)
})

test('a denial ends in an answer that knows of it, and nothing is sent', async () => {
  const thread = newThread()
  const asked = await askFor(thread)
  expect(await decide(`runs/${asked.run_id}`, asked.ticket, { action: 'cancel', reason: 'not to strangers' })).toMatchObject({
    status: 202,
  })
  const run = await weft.record(asked.run_id)
  expect(run).toMatchObject({ termination: { type: 'natural_end' } })
  expect(run.final_output).toContain('not to strangers')
  expect(outbox.sent(thread)).toEqual([])
})

test('a ticket that does not exist leaves the wait as it is', async () => {
  const thread = newThread()
  const asked = await askFor(thread)
  const wrong = { ...asked.ticket, tool_call_id: 'no-such-call' }
  expect(await decide(`threads/${thread}`, wrong)).toMatchObject({ status: 404, body: { code: 'ticket_not_found' } })
  expect((await weft.client.call('GET', `/v1/runs/${asked.run_id}`)).body).toMatchObject({ status: 'waiting' })
  await decide(`threads/${thread}`, asked.ticket)
  await expectSentOnce(thread, asked)
})

test('a message instead of a decision closes the ticket, and the transcript stays valid', async () => {
  const thread = newThread()
  const { run_id } = await askFor(thread)
  expect((await weft.ask(thread, 'never mind')).body).toMatchObject({
    run_id,
    final_output: expect.stringContaining('never mind'),
  })
  expect(outbox.sent(thread)).toEqual([])
  expect(kindsOf(await weft.log(thread)).filter((kind) => kind === 'ToolCallDone' || kind === 'ToolCallCancelled')).toHaveLength(
    1,
  )
})

test('a stream that joins the run stays open while it waits, and goes on after the decision', async () => {
  const thread = newThread()
  const asked = await askFor(thread)
  const joined = await weft.client.stream('GET', `/v1/runs/${asked.run_id}/stream`)
  await joined.until(({ event_type }) => event_type === 'run_waiting')
  await decide(`runs/${asked.run_id}`, asked.ticket)
  const kinds = (await joined.all()).map(({ event_type }) => event_type)
  const rest = kinds.slice(kinds.indexOf('run_waiting') + 1)
  expect(rest.filter((kind, index) => kind !== rest[index - 1])).toEqual([
    'tool_call_resumed',
    'tool_call_done',
    'step_end',
    'step_start',
    'text_delta',
    'inference_complete',
    'step_end',
    'run_finish',
  ])
  await expectSentOnce(thread, asked)
})
