import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/engine.ts'
import { startOpenAiServer, type OpenAiServer } from '../support/openai-server.ts'
import { names, submit, Weft } from './support/weft.ts'

/** Requests at the same moment, and the same request again and again. What the endpoint was asked stands in a file. */
const IDLE_CLOSE_MS = 1_500
const weft = new Weft()
const log_file = join(weft.dir, 'model-calls.ndjson')
let endpoint: OpenAiServer
beforeAll(async () => {
  const script = () => ({ kind: 'text' as const, text: 'one two three four five', delay_ms: 15 })
  endpoint = await startOpenAiServer({ log_file, script })
  await weft.start({ OPENAI_API_KEY: 'key', OPENAI_BASE_URL: endpoint.base_url, WEFT_IDLE_CLOSE_MS: String(IDLE_CLOSE_MS) })
})
afterEach(() => weft.checkLogs())
afterAll(async () => {
  weft.close()
  await endpoint.close()
})
const newThread = names('race')

/** How often the model was asked about a text as the last message. */
function modelCalls(text: string): number {
  const requests = readFileSync(log_file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { messages: { content: unknown }[] })
  return requests.filter(({ messages }) => messages.at(-1)?.content === text).length
}

/** The same request `times` at once, half of them as streams; the run that each was answered with. */
async function sendAtOnce(thread: string, text: string, key: string, times: number): Promise<(string | null)[]> {
  const headers = { 'idempotency-key': key }
  return Promise.all(
    Array.from({ length: times }, async (_, index) => {
      if (index % 2 === 0) {
        const { status, body } = await weft.ask(thread, text, {}, headers)
        expect(body).toMatchObject({ status: 'done', termination: { type: 'natural_end' } })
        return status === 200 ? body.run_id : null
      }
      const frames = await (await weft.run(thread, text, {}, headers)).all(20_000)
      // From its beginning to its end, whenever the reader came.
      expect(frames.at(0)).toMatchObject({ event_type: 'run_start' })
      expect(frames.at(-1)).toMatchObject({ event_type: 'run_finish', termination: { type: 'natural_end' } })
      return frames.at(-1).run_id
    }),
  )
}

async function expectConflict(thread: string, key: string): Promise<void> {
  const answer = await weft.ask(thread, 'something else', {}, { 'idempotency-key': key })
  expect(answer).toMatchObject({ status: 422, body: { code: 'idempotency_conflict' } })
}

/** The thread's workflow has closed because nothing happened. */
function closed(thread: string): Promise<true> {
  return eventually(async () => {
    const description = await weft.cli('workflow', 'describe', '--workflow-id', `default/${thread}`, '--output', 'json')
    return description.includes('WORKFLOW_EXECUTION_STATUS_COMPLETED') ? true : undefined
  })
}

/** Two foreground messages at once, over and over on one thread: the later takes over, whatever the moment. */
async function race(thread: string, tries: number): Promise<Record<string, number>> {
  const outcomes: Record<string, number> = {}
  for (let i = 0; i < tries; i++) {
    const answers = await Promise.all(['a', 'b'].map((name) => weft.ask(thread, `${name} ${String(i)}`)))
    const ends = answers.map(({ status, body }) => (status === 200 ? body.termination.type : `${String(status)} ${body.code}`))
    const outcome = [...ends].sort().join(' + ')
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    // A refusal is as clear an answer; then only the other one runs.
    if (answers.some(({ status }) => status === 409)) continue
    const [first, second] = answers.map(({ body }) => body).sort((a, b) => a.input.message_seq_from - b.input.message_seq_from)
    expect(second.termination.type, `try ${String(i)}`).toBe('natural_end')
    // On a busy machine the first may be done before the second has come.
    if (first.termination.type === 'natural_end') expect(second.created_at >= first.finished_at, `try ${String(i)}`).toBe(true)
    else expect(first.termination.type, `try ${String(i)}`).toMatch(/^(cancelled|superseded)$/)
  }
  return outcomes
}

test('of two foreground messages at once the later one wins, a hundred times', async () => {
  const outcomes = await race(newThread(), 100)
  expect(Object.values(outcomes).reduce((sum, count) => sum + count, 0)).toBe(100)
}, 120_000)

test('and so across hand-overs of the workflow', async () => {
  const thread = newThread()
  await weft.restart({ WEFT_CONTINUE_AS_NEW_EVERY: '5' })
  await race(thread, 20)
  const list = await weft.cli('workflow', 'list', '--query', `WorkflowId = 'default/${thread}'`, '--output', 'json')
  expect(list.split('WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW').length).toBeGreaterThan(4)
  await weft.restart({ WEFT_CONTINUE_AS_NEW_EVERY: '0' })
}, 120_000)

test('of many foreground messages at once none is lost, and the last word is an answer', async () => {
  const thread = newThread()
  const texts = Array.from({ length: 12 }, (_, index) => `all at once ${String(index)}`)
  const answers = await Promise.all(texts.map((text) => weft.ask(thread, text)))
  expect(answers.map(({ status }) => status)).toEqual(texts.map(() => 200))
  const ends = answers.map(({ body }) => body.termination.type)
  expect(ends).toContain('natural_end')
  for (const end of ends) expect(['natural_end', 'cancelled', 'superseded', 'coalesced']).toContain(end)
  const messages = await weft.messages(thread)
  expect(messages.flatMap(({ role, content }) => (role === 'user' ? [content] : [])).sort()).toEqual([...texts].sort())
  expect(messages.at(-1)).toMatchObject({ role: 'assistant', interrupted: false, content: 'one two three four five' })
})

test('the same key is one run, at once, later, on a closed thread, after a restart and across hand-overs', async () => {
  const thread = newThread()
  const [key, text] = [`key-${thread}`, `said by ${thread}`]
  const [run_id, ...others] = await sendAtOnce(thread, text, key, 20)
  expect(run_id).toEqual(expect.any(String))
  expect(new Set(others)).toEqual(new Set([run_id]))
  await expectConflict(thread, key)

  await closed(thread)
  expect(await sendAtOnce(thread, text, key, 4)).toEqual([run_id, run_id, run_id, run_id])
  await expectConflict(thread, key)

  await weft.restart({ WEFT_CONTINUE_AS_NEW_EVERY: '5' })
  expect(await sendAtOnce(thread, text, key, 4)).toEqual([run_id, run_id, run_id, run_id])
  await expectConflict(thread, key)

  // Every few commands the workflow hands over, while repeats of old and new keys come in between them.
  const runs = new Set<string | null>()
  for (let i = 0; i < 8; i++) {
    const [own, old] = await Promise.all([
      sendAtOnce(thread, `${text} ${String(i)}`, `${key}-${String(i)}`, 5),
      sendAtOnce(thread, text, key, 2),
    ])
    expect(new Set(own).size).toBe(1)
    runs.add(own[0] ?? null)
    expect(old).toEqual([run_id, run_id])
  }
  expect(runs.size).toBe(8)
  expect(modelCalls(text)).toBe(1)
  for (let i = 0; i < 8; i++) expect(modelCalls(`${text} ${String(i)}`)).toBe(1)
  await weft.restart({ WEFT_CONTINUE_AS_NEW_EVERY: '0' })
}, 120_000)

test('the same key without a thread is one thread', async () => {
  const { thread_id: _, ...body } = submit('', 'said once') as { thread_id: string }
  const headers = { 'idempotency-key': 'no-thread' }
  const answers = await Promise.all(Array.from({ length: 20 }, () => weft.client.call('POST', '/v1/runs', body, headers)))
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
  expect(new Set(answers.map((answer) => answer.body.thread_id)).size).toBe(1)
  expect(new Set(answers.map((answer) => answer.body.run_id)).size).toBe(1)
  expect(modelCalls('said once')).toBe(1)
})

test('the same key of a queued message is one message', async () => {
  const thread = newThread()
  await weft.ask(thread, 'hello')
  const body = { messages: [{ role: 'user', content: `queued on ${thread}` }] }
  const send = () => weft.client.call('POST', `/v1/threads/${thread}/messages`, body, { 'idempotency-key': `queue-${thread}` })
  const answers = await Promise.all(Array.from({ length: 20 }, send))
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202))
  expect(new Set(answers.map((answer) => answer.body.run_id)).size).toBe(1)
  await weft.record(answers[0]?.body.run_id)
  expect(modelCalls(`queued on ${thread}`)).toBe(1)
})
