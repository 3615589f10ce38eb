import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deploy, type Deployment } from '../chaos/support/deployment.ts'
import { untilAtRest } from '../chaos/support/storm.ts'
import { portrait } from '../chaos/support/portrait.ts'
import { Sender, type Sent } from '../chaos/support/sender.ts'
import { judge } from '../chaos/support/verdict.ts'
import { createApi } from '../faults/support/api.ts'
import { Balancer } from './support/balancer.ts'
import { runAndWatch, type Watched } from './support/watcher.ts'

const WORDS = Array.from({ length: 30 }, (_, index) => `word${String(index)}`).join(' ')
const slow = (ms: number): string => `/slow ${String(ms)}\n${WORDS}`
const APPROVAL = '/tool send_email {"to":"a@example.org","subject":"s"}'
const TALKERS = 5
const WATCHERS = 3

let deployment: Deployment
beforeAll(async () => {
  // An API waits until the balancer has seen that it leaves, and a worker until its steps are done.
  deployment = await deploy({ apis: 2, workers: 3 }, { WEFT_LEAVE_MS: '700', WEFT_DRAIN_MS: '8000' })
}, 180_000)
afterAll(async () => {
  await deployment.end()
}, 60_000)

test('a run started through one API is watched, decided and interrupted through the other', async () => {
  const [one, other] = deployment.urls.map((url) => createApi(url))
  if (one === undefined || other === undefined) throw new Error('two APIs')
  const is = (type: string) => (event: { event_type: string }) => event.event_type === type
  const start = (thread_id: string, content: string) =>
    one.stream('POST', '/v1/runs', { agent_id: 'default', thread_id, messages: [{ role: 'user', content }] })
  const runOf = ({ response }: { response: Response }): string =>
    (response.headers.get('content-location') ?? '').replace('/v1/runs/', '')

  const waiting = await start('across', APPROVAL)
  const { tickets } = (await waiting.until(is('run_finish'), 30_000)).data
  const watching = await other.stream('GET', `/v1/runs/${runOf(waiting)}/stream`)
  await watching.until(is('run_waiting'), 30_000)
  const decision = { tool_call_id: tickets[0].tool_call_id, action: 'resume' }
  expect(await other.call('POST', '/v1/threads/across/decision', decision)).toMatchObject({ status: 202 })
  expect((await watching.until(is('run_finish'), 30_000)).data.result.response).toContain('send_email returned')

  const long = await start('across', slow(60_000))
  await long.until(is('text_delta'), 30_000)
  const joined = await other.stream('GET', `/v1/runs/${runOf(long)}/stream`)
  await joined.until(is('text_delta'), 30_000)
  expect(await other.call('POST', '/v1/threads/across/interrupt', {})).toMatchObject({ status: 202 })
  for (const stream of [long, joined])
    expect((await stream.until(is('run_finish'), 30_000)).data.termination).toMatchObject({ type: 'cancelled' })
  await one.log('across')
})

test(
  'a rolling restart of all five under load loses nothing, doubles nothing and fails no request',
  { timeout: 300_000 },
  async () => {
    const balancer = new Balancer(deployment.urls)
    const sent: Sent[] = []
    const watched: Watched[] = []
    let over = false
    const send = async (
      kind: Sent['kind'],
      thread_id: string,
      path: string,
      body: object,
      token: string | null,
    ): Promise<Sent> => {
      const one: Sent = {
        ...{ kind, thread_id, method: 'POST', path, body, token, key: randomUUID(), tries: 1 },
        ...{ reply: null, began: Date.now(), ended: 0 },
      }
      sent.push(one)
      one.reply = await balancer.call('POST', path, body, { 'idempotency-key': one.key ?? '' })
      one.ended = Date.now()
      return one
    }
    const says = (thread_id: string, count: number, text: string): { token: string; messages: object[] } => {
      const token = `«${thread_id}:${String(count)}»`
      return { token, messages: [{ role: 'user', content: `${text}\n${token}` }] }
    }
    /** Talks, asks for approval and gives it, and interrupts, in turn, for as long as the restart goes on. */
    const talk = async (index: number): Promise<void> => {
      const thread_id = `talker-${String(index)}`
      await send('create', thread_id, '/v1/threads', { id: thread_id }, null)
      for (let count = 1; !over || count < 4; count++) {
        const kind = (count + index) % 3
        const { token, messages } = says(thread_id, count, kind === 0 ? 'hello' : kind === 1 ? APPROVAL : slow(20_000))
        const path = `/v1/threads/${thread_id}`
        if (kind === 2) {
          await send('queue', thread_id, `${path}/messages`, { messages }, token)
          await send('interrupt', thread_id, `${path}/interrupt`, {}, null)
        } else {
          const { reply } = await send('submit', thread_id, '/v1/runs', { agent_id: 'default', thread_id, messages }, token)
          const tool_call_id = reply?.body.waiting?.tickets[0]?.tool_call_id
          if (kind === 1) expect(tool_call_id, JSON.stringify(reply)).toEqual(expect.any(String))
          if (kind === 1) await send('decide', thread_id, `${path}/decision`, { tool_call_id, action: 'resume' }, null)
          // Else the next submit would replace the run that the decision has set going.
          if (kind === 1) await balancer.call('GET', `/v1/runs/${String(reply?.body.run_id)}/wait?timeout_ms=60000`)
        }
      }
    }
    const watch = async (index: number): Promise<void> => {
      for (let count = 1; !over || count < 2; count++) {
        const messages = [{ role: 'user', content: slow(4_000) }]
        watched.push(
          await runAndWatch(balancer, { agent_id: 'default', thread_id: `watcher-${String(index)}`, messages }, randomUUID()),
        )
      }
    }
    const load = Promise.all([
      ...Array.from({ length: TALKERS }, (_, index) =>
        talk(index).catch(async (error: unknown) => {
          const reader = new Sender(deployment.urls, Math.random)
          console.log(String(error), await portrait(reader, deployment.temporal.address, `talker-${String(index)}`))
          throw error
        }),
      ),
      ...Array.from({ length: WATCHERS }, (_, index) => watch(index)),
    ])
    const ends: { name: string; code: number | null; signal: string | null; took_ms: number }[] = []
    const roll = async (): Promise<void> => {
      for (const slot of [...deployment.workers, ...deployment.apis]) ends.push({ name: slot.name, ...(await slot.restart()) })
    }
    await Promise.race([roll(), load.then(() => undefined)]).finally(() => (over = true))
    await load
    await balancer.end()

    const url = deployment.urls[0] ?? ''
    const threads = [...new Set(sent.map(({ thread_id }) => thread_id))]
    expect(await untilAtRest(new Sender([url], Math.random), threads, 60_000), 'threads that are not at rest').toEqual([])
    const verdict = await judge(url, sent)
    await createApi(url).checkLogs()
    const cuts = watched.reduce((sum, each) => sum + each.cuts, 0)
    const figures = {
      ends,
      statuses: Object.fromEntries(balancer.statuses),
      commands: sent.length,
      watched: watched.length,
      cuts,
    }
    console.log(JSON.stringify({ ...figures, acknowledged: verdict.acknowledged, refused: verdict.refused }))
    expect(balancer.wrong).toEqual([])
    expect(ends.map(({ code, signal }) => ({ code, signal }))).toEqual(
      Array.from({ length: 5 }, () => ({ code: 0, signal: null })),
    )
    expect(verdict.problems).toEqual([])
    expect(verdict.refused, JSON.stringify(sent.filter(({ reply }) => (reply?.status ?? 0) >= 300))).toBe(0)
    expect(watched.flatMap(({ unclean }) => unclean)).toEqual([])
    expect(cuts, 'some streams were open at an API that left').toBeGreaterThan(0)
    for (const { text, termination } of watched)
      expect({ text, termination }).toEqual({ text: `You said: ${WORDS}`, termination: { type: 'natural_end' } })
    // No step was begun anew: workers let theirs come to an end.
    const log = await Promise.all(Array.from({ length: WATCHERS }, (_, index) => createApi(url).log(`watcher-${String(index)}`)))
    expect(log.flat().filter(({ kind }) => kind === 'RunRescheduled')).toEqual([])
    expect(deployment.apis.concat(deployment.workers).flatMap(({ unasked }) => unasked)).toEqual([])
  },
)
