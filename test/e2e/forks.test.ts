import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { exportLine } from '../../src/http/schemas/export.ts'
import { startOpenAiServer, type Answer, type OpenAiServer } from '../support/openai-server.ts'
import { ROOT } from '../support/sources.ts'
import { names, Weft } from './support/weft.ts'

/** Forks in the whole program: what the model gets of them, across restarts and without their source. */
const answers: Answer[] = []
let endpoint: OpenAiServer
const weft = new Weft()
beforeAll(async () => {
  endpoint = await startOpenAiServer({ answers })
  await weft.start({ OPENAI_API_KEY: 'key-of-the-test', OPENAI_BASE_URL: endpoint.base_url, WEFT_IDLE_CLOSE_MS: '1000' })
})
afterEach(() => weft.checkLogs())
afterAll(async () => {
  weft.close()
  await endpoint.close()
})
const newThread = names('fork')

const fork = (source: string, at_message_seq: number, id: string) =>
  weft.client.call('POST', `/v1/threads/${source}/fork`, { at_message_seq, id })
async function say(thread: string, content: string, answer: string): Promise<unknown[]> {
  answers.push({ kind: 'text', text: answer })
  expect((await weft.ask(thread, content)).body).toMatchObject({ status: 'done', final_output: answer })
  return (
    endpoint.requests
      .at(-1)
      ?.messages.slice(1)
      .map((message) => message.content) ?? []
  )
}

test('a model reads the history up to the fork and nothing of what came after, also once the source is gone', async () => {
  const [source, left, right] = [newThread(), newThread(), newThread()]
  await say(source, 'one', 'first')
  await say(source, 'two', 'second')
  expect((await fork(source, 2, left)).status).toBe(201)
  await say(source, 'three', 'third')
  expect(await say(left, 'instead', 'other')).toEqual(['one', 'first', 'instead'])
  expect(await say(source, 'four', 'fourth')).toEqual(['one', 'first', 'two', 'second', 'three', 'third', 'four'])

  // A fork of the fork, in a new process, whose sources go one after the other.
  await weft.kill({ everything: true })
  await weft.start()
  expect((await fork(left, 4, right)).status).toBe(201)
  expect((await weft.client.call('DELETE', `/v1/threads/${left}`)).status).toBe(204)
  expect(await say(right, 'on', 'and on')).toEqual(['one', 'first', 'instead', 'other', 'on'])
  expect((await weft.client.call('DELETE', `/v1/threads/${source}`)).status).toBe(204)
  expect(await say(right, 'still', 'there')).toEqual(['one', 'first', 'instead', 'other', 'on', 'and on', 'still'])
})

test('a fork while its source is in the middle of an answer has none of it, and both end well', async () => {
  const [source, child] = [newThread(), newThread()]
  await say(source, 'one', 'first')
  const { promise, resolve } = Promise.withResolvers<void>()
  answers.push({ kind: 'text', text: 'slowly told', hold: promise })
  const run_id = await weft.queue(source, 'two')
  await weft.record(run_id, ({ status }) => status === 'running')
  expect((await fork(source, 3, child)).body).toMatchObject({ status: 'idle', message_count: 3 })
  const said = await say(child, 'and this', 'quickly told')
  expect(said).toEqual(['one', 'first', 'two', 'and this'])
  resolve()
  expect(await weft.record(run_id)).toMatchObject({ final_output: 'slowly told' })
  expect((await weft.messages(child)).map(({ content }) => content)).toEqual([...said, 'quickly told'])
})

test('`weft export` of a fork, from the program', async () => {
  const [source, child] = [newThread(), newThread()]
  await say(source, 'one', 'first')
  await fork(source, 2, child)
  await say(child, 'two', 'second')
  const { api } = weft
  const args = [join(ROOT, 'scripts/weft.mjs'), '--api', api, 'export', child]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 })
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => exportLine.parse(JSON.parse(line)) as any)
  expect(lines[0].thread.forked_from).toEqual({ thread_id: source, at_message_seq: 2 })
  expect(lines.filter(({ type }) => type === 'message').map(({ content }) => content)).toEqual(['one', 'first', 'two', 'second'])
  expect(lines.at(-1)).toMatchObject({ type: 'end', counts: { messages: 4, runs: 1, events: 9 } })
  expect(stderr).toMatch(/^\d+ lines in \d+ ms$/m)
})
