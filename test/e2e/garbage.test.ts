import { Connection } from '@temporalio/client'
import type { Payload } from '@temporalio/common'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../support/engine.ts'
import { emailTo, installOutbox } from './support/outbox.ts'
import { names, Weft } from './support/weft.ts'

/** What anyone at a command line can send to a thread's workflow: it must be refused in the open and do nothing else. */
const weft = new Weft()
const outbox = installOutbox(weft)
const megabyte = weft.write('megabyte.json', JSON.stringify({ messages: [{ role: 'user', content: 'x'.repeat(1_000_000) }] }))
const not_json = weft.write('not-json.bin', String.fromCharCode(0, 1, 2, 255))
beforeAll(() => weft.start())
afterEach(() => weft.checkLogs())
afterAll(() => weft.close())
const newThread = names('garbage')

const json = (name: string, value: unknown): string[] => ['--name', name, '--input', JSON.stringify(value)]
const encoded = (name: string, encoding: string): string[] => [
  '--name',
  name,
  '--input-file',
  not_json,
  '--input-meta',
  `encoding=${encoding}`,
]
const GARBAGE: [what: string, code: string, args: string[]][] = [
  ['null', 'invalid_command', json('submit', null)],
  ['no input', 'invalid_command', ['--name', 'submit']],
  ['a number', 'invalid_command', json('submit', 7)],
  ['a list', 'invalid_command', json('decision', ['resume'])],
  ['the wrong shape', 'invalid_command', json('submit', { messages: 'hello' })],
  ['no messages', 'invalid_command', json('submit', { messages: [] })],
  ['an unknown role', 'invalid_command', json('submit', { messages: [{ role: 'king', content: 'hi' }] })],
  ['an unknown field', 'invalid_command', json('submit', { messages: [{ role: 'user', content: 'hi' }], urgent: true })],
  ['a deep nest', 'invalid_command', ['--name', 'submit', '--input', `${'['.repeat(5_000)}${']'.repeat(5_000)}`]],
  ['a prototype', 'invalid_command', ['--name', 'decision', '--input', '{"__proto__":{"action":"resume"},"tool_call_id":"x"}']],
  ['an unknown name', 'unknown_command', json('no_such_command', {})],
  ['a name that objects have', 'unknown_command', json('constructor', {})],
  ['an unknown encoding', 'undecodable_payload', encoded('submit', 'binary/strange')],
  ['an encrypted one', 'undecodable_payload', encoded('interrupt', 'binary/encrypted')],
  ['plain bytes', 'invalid_command', encoded('decision', 'binary/plain')],
  [
    'a million plain bytes',
    'payload_too_large',
    ['--name', 'submit', '--input-file', megabyte, '--input-meta', 'encoding=binary/plain'],
  ],
  ['an unknown name and encoding', 'unknown_command', encoded('no_such_command', 'binary/strange')],
  ['a megabyte', 'payload_too_large', ['--name', 'submit', '--input-file', megabyte]],
  ['a ticket that is not there', 'ticket_not_found', json('decision', { tool_call_id: 'call_1', action: 'resume' })],
]

function signal(thread: string, args: string[]): Promise<string> {
  return weft.cli('workflow', 'signal', '--workflow-id', `default/${thread}`, ...args)
}

async function rejections(thread: string, count: number): Promise<Record<string, unknown>[]> {
  return eventually(async () => {
    const found = (await weft.log(thread)).filter(({ kind }) => kind === 'CommandRejected')
    return found.length >= count ? found.map(({ payload }) => payload) : undefined
  })
}

describe('a signal with', () => {
  const thread = newThread()
  beforeAll(async () => {
    expect(await weft.ask(thread, 'hello')).toMatchObject({ status: 200 })
  })

  test.each(GARBAGE)('%s is refused as %s, and the next message is answered', async (what, code, args) => {
    const before = (await rejections(thread, 0)).length
    await signal(thread, args)
    const rejected = await rejections(thread, before + 1)
    expect(rejected.slice(before)).toMatchObject([{ code, command: args[1], origin: 'signal', message: expect.any(String) }])
    expect((await weft.ask(thread, `after ${what}`)).body).toMatchObject({ final_output: `You said: after ${what}` })
  })
})

test('all of it at once does not disturb a run, nor a ticket that waits', async () => {
  const [busy, waiting] = [newThread(), newThread()]
  const stream = await weft.run(busy, '/slow 2000\none two three four five six')
  const asked = (await (await weft.run(waiting, emailTo(waiting))).all()).at(-1)
  const [even, odd] = [0, 1].map((rest) => GARBAGE.filter((_, index) => index % 2 === rest)) as [typeof GARBAGE, typeof GARBAGE]
  await Promise.all([...even.map(([, , args]) => signal(busy, args)), ...odd.map(([, , args]) => signal(waiting, args))])
  const codes = (all: Record<string, unknown>[]): unknown[] => all.map(({ code }) => code).sort()
  expect(codes(await rejections(busy, even.length))).toEqual(even.map(([, code]) => code).sort())
  expect(codes(await rejections(waiting, odd.length))).toEqual(odd.map(([, code]) => code).sort())
  expect((await stream.all()).at(-1)).toMatchObject({ termination: { type: 'natural_end' } })
  expect(await weft.record(asked.run_id, () => true)).toMatchObject({ status: 'waiting', waiting: { tickets: asked.tickets } })
  const decision = { tool_call_id: asked.tickets[0].tool_call_id, action: 'resume' }
  await weft.client.call('POST', `/v1/threads/${waiting}/decision`, decision)
  expect(await weft.record(asked.run_id)).toMatchObject({ termination: { type: 'natural_end' } })
  expect(outbox.sent(waiting)).toHaveLength(1)
})

/** The CLI looks at what it sends; a program need not. Payloads as they go over the wire. */
const RAW: [what: string, code: string, payload: Payload | null][] = [
  ['JSON that is none', 'undecodable_payload', payload('json/plain', '{"messages":')],
  ['JSON cut in a character', 'invalid_command', payload('json/plain', Buffer.from([0x22, 0xe2, 0x82, 0x22]))],
  ['a protobuf without its type', 'undecodable_payload', payload('json/protobuf', '{}')],
  ['no encoding', 'undecodable_payload', { metadata: {}, data: Buffer.from('{}') }],
  ['nothing at all', 'undecodable_payload', {}],
  ['no payload', 'invalid_command', null],
]

describe('a signal over the wire with', () => {
  const thread = newThread()
  let connection: Connection
  beforeAll(async () => {
    connection = await Connection.connect({ address: weft.temporal })
    await weft.ask(thread, 'hello')
  })
  afterAll(() => connection.close())

  test.each(RAW)('%s is refused as %s, and the next message is answered', async (what, code, raw) => {
    const before = (await rejections(thread, 0)).length
    await connection.workflowService.signalWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: `default/${thread}` },
      signalName: 'submit',
      ...(raw === null ? {} : { input: { payloads: [raw] } }),
    })
    expect((await rejections(thread, before + 1)).slice(before)).toMatchObject([{ code, origin: 'signal' }])
    expect((await weft.ask(thread, `after ${what}`)).body).toMatchObject({ final_output: `You said: after ${what}` })
  })
})

function payload(encoding: string, data: string | Buffer): Payload {
  return { metadata: { encoding: Buffer.from(encoding) }, data: Buffer.from(data) }
}

test('an update with garbage is refused to its sender, and leaves no trace', async () => {
  const thread = newThread()
  await weft.ask(thread, 'hello')
  const before = await weft.log(thread)
  for (const [, code, args] of GARBAGE) {
    if (code === 'ticket_not_found') continue
    const sent = weft.cli('workflow', 'update', 'execute', '--workflow-id', `default/${thread}`, ...args)
    await expect(sent, args.join(' ').slice(0, 100)).rejects.toThrow()
  }
  expect(await weft.log(thread)).toEqual(before)
  expect((await weft.ask(thread, 'and now?')).body).toMatchObject({ final_output: 'You said: and now?' })
})

test('a thread that garbage began takes messages as if it had been new', async () => {
  const thread = newThread()
  const target = ['--workflow-id', `default/${thread}`, '--type', 'thread', '--task-queue', 'weft']
  await weft.cli('workflow', 'signal-with-start', ...target, '--signal-name', 'submit', '--signal-input', '"garbage"')
  expect((await weft.ask(thread, 'hello')).body).toMatchObject({ final_output: 'You said: hello' })
  expect((await rejections(thread, 1)).map(({ code }) => code)).toEqual(['invalid_command'])
})
