import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/engine.ts'
import { Clients } from './support/clients.ts'
import { createWorld, type Running, type World } from './support/world.ts'

/** How long the database answers nothing; WEFT_TEST_OUTAGE_MS makes it longer than a test run should be. */
const OUTAGE_MS = Number(process.env['WEFT_TEST_OUTAGE_MS'] ?? 20_000)
/** Nobody waits longer than this for an answer. */
const ANSWERED_MS = 2_000
/** Whoever waits for a run that has begun hears that the store has gone when it is next looked at. */
const NOTICED_MS = 5_000
/** What a busy machine may add. */
const SLACK_MS = 500
const LANES = 4

let world: World
let program: Running
beforeAll(async () => {
  world = await createWorld({ postgres: true })
  program = await world.start({ DATABASE_URL: world.postgres.url })
})
afterAll(async () => {
  await world.end()
})

test(
  'while the database is away every command and read is answered or refused in time, and nothing is lost or doubled',
  async () => {
    const { api } = program
    const clients = new Clients(api)
    const threads: string[] = []
    let running = true
    const lanes = Array.from({ length: LANES }, (_, lane) => load(clients, `lane-${String(lane)}`, threads, () => running))

    await sleep(1_500) // the load has begun
    world.postgres.pause()
    const before = clients.sent.length
    await sleep(1_000)
    clients.away = true
    await sleep(OUTAGE_MS - 2_000)
    // What is asked last may meet the database again.
    clients.away = false
    await sleep(1_000)
    const during = clients.sent.length - before
    world.postgres.resume()
    const resumed = Date.now()
    const caughtUp = catchesUp(threads)
    await sleep(1_500) // it goes on under load
    running = false
    await Promise.all(lanes)
    const behind = (await caughtUp) - resumed
    await clients.settle(60_000)

    console.log(
      `outage of ${String(OUTAGE_MS)} ms: ${String(during)} commands; worst answer ${JSON.stringify(clients.worst)}; ` +
        `caught up after ${String(behind)} ms; slow: ${JSON.stringify(clients.slow)}; ${JSON.stringify(Object.fromEntries([...clients.statuses].sort()))}`,
    )
    expect(clients.wrong.slice(0, 5)).toEqual([])
    expect(clients.worst.command).toBeLessThan(ANSWERED_MS + SLACK_MS)
    expect(clients.worst.read).toBeLessThan(ANSWERED_MS + SLACK_MS)
    expect(clients.worst.foreground).toBeLessThan(NOTICED_MS + SLACK_MS)
    expect(during).toBeGreaterThan(LANES)
    await nothingLost(clients, threads)
  },
  OUTAGE_MS + 180_000,
)

/** One client's life: short runs, queued messages, a decision, an interrupt, and reads, each with a key of its own. */
async function load(clients: Clients, lane: string, threads: string[], running: () => boolean): Promise<void> {
  for (let round = 0; running(); round++) {
    const thread_id = `${lane}-${String(round % 3)}`
    const text = (what: string): { role: string; content: string }[] => [
      { role: 'user', content: `${what} ${String(round)} of ${lane}` },
    ]
    await clients.command('submit', '/v1/runs', { agent_id: 'default', thread_id, messages: text('foreground') })
    if (!threads.includes(thread_id)) threads.push(thread_id)
    const queue = (messages: unknown): Promise<unknown> =>
      clients.command('queue', `/v1/threads/${thread_id}/messages`, { messages })
    if (!running()) return
    await Promise.all([queue(text('first')), queue(text('second')), clients.read(`/v1/threads/${thread_id}/messages`)])
    if (!running()) return
    if (round % 3 === 1) {
      await queue([{ role: 'user', content: `/slow 60000\nlong ${String(round)} of ${lane}` }])
      await clients.command('interrupt', `/v1/threads/${thread_id}/interrupt`, { queue: 'keep' })
    }
    await approve(clients, `${lane}-approve-${String(round)}`, threads)
    await Promise.all([clients.stranger(`stranger ${String(round)} of ${lane}`), clients.read('/v1/threads?limit=5')])
  }
}

/** A run that waits, and its approval. */
async function approve(clients: Clients, thread_id: string, threads: string[]): Promise<void> {
  const messages = [{ role: 'user', content: '/tool send_email {"to":"a@example.org","subject":"s"}' }]
  const { answer } = await clients.command('submit', '/v1/runs', { agent_id: 'default', thread_id, messages })
  threads.push(thread_id)
  const tool_call_id = answer?.body?.waiting?.tickets?.[0]?.tool_call_id
  if (tool_call_id === undefined) return
  await clients.command('decision', `/v1/threads/${thread_id}/decision`, { tool_call_id, action: 'resume' })
}

/** When reads work again and no thread that is at work is behind: the log's end is the workflow's. */
async function catchesUp(threads: readonly string[]): Promise<number> {
  const client = await world.client(program.temporal)
  const seen = [...threads]
  const atResume = new Map<string, number>()
  for (const thread_id of seen) {
    const summary = await client.workflow
      .getHandle(`default/${thread_id}`)
      .query<{ event_seq?: number }>('thread')
      .catch(() => null)
    if (summary?.event_seq !== undefined) atResume.set(thread_id, summary.event_seq)
  }
  for (const [thread_id, event_seq] of atResume) {
    await eventually(async () => {
      const { status, body } = await program.api.call('GET', `/v1/threads/${thread_id}`)
      return status === 404 || (status === 200 && body.last_event_seq >= event_seq) ? true : undefined
    }, 60_000)
  }
  return Date.now()
}

/** Every command that was sent is done, once; every log is in order; nothing is under way any more. */
async function nothingLost(clients: Clients, threads: readonly string[]): Promise<void> {
  const { api } = program
  expect(clients.sent.filter(({ answer }) => answer === null || answer.status === 503 || answer.status === 0)).toEqual([])
  const texts: string[] = []
  for (const thread_id of new Set(threads)) {
    await eventually(async () => {
      const { status, body } = await api.call('GET', `/v1/threads/${thread_id}`)
      if (status === 404) return true
      if (body.status === 'running') await api.call('POST', `/v1/threads/${thread_id}/interrupt`, { queue: 'keep' })
      const pending = await api.call('GET', `/v1/threads/${thread_id}/pending`)
      return body.status !== 'running' && pending.body.total === 0 ? true : undefined
    }, 60_000)
    const { status } = await api.call('GET', `/v1/threads/${thread_id}`)
    if (status === 404) continue
    await api.log(thread_id)
    for (const { role, content } of await api.messages(thread_id)) if (role === 'user') texts.push(String(content))
  }
  const times = new Map<string, number>()
  for (const text of texts) times.set(text, (times.get(text) ?? 0) + 1)
  for (const { kind, body, answer } of clients.sent) {
    if ((kind !== 'submit' && kind !== 'queue') || (answer?.status ?? 0) >= 300) continue
    const { content } = (body as { messages: { content: string }[] }).messages[0] ?? { content: '' }
    if (content.startsWith('/tool')) continue
    expect(times.get(content), `${content} is committed once`).toBe(1)
  }
}
