import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../../src/temporal/embedded/ports.ts'
import { createClient, type Client } from '../http/support/client.ts'
import { eventually } from '../support/engine.ts'
import { startOpenAiServer, type OpenAiServer } from '../support/openai-server.ts'
import { createPlace, type Facts } from '../support/program.ts'
import { openCollector, type Collector } from '../streams/support/collector.ts'
import { megabytes, memoryOf } from '../streams/support/server-memory.ts'
import { openViewer, type Viewer } from '../streams/support/viewer.ts'

/** A long answer, more than the sockets between hold, with readers who take 1 KB a second of it. */
const WORDS = 1_000
const WORD_BYTES = 10_000
const DELAY_MS = 2
const SLOW = 3
const BLOCKS = 4
let place: ReturnType<typeof createPlace>
let endpoint: OpenAiServer
let facts: Facts
let client: Client
let collector: Collector
const answer = Array.from({ length: WORDS }, (_, n) => String(n).padEnd(WORD_BYTES - 1, 'x')).join(' ')
/** What the slow readers together may cost (bytes): each is sent the whole answer out of the log, once. */
const MOST = SLOW * answer.length * 1.1
beforeAll(async () => {
  place = createPlace()
  endpoint = await startOpenAiServer({ script: () => ({ kind: 'text', text: answer, delay_ms: DELAY_MS }) })
  const model = { OPENAI_API_KEY: 'k', OPENAI_BASE_URL: endpoint.base_url, OPENAI_MODEL: 'm' }
  const port = await freePort()
  facts = await place.start({ ...model, LOG_LEVEL: 'warn' }, { through: [`--inspect=127.0.0.1:${String(port)}`] }).facts
  collector = await openCollector(port)
  client = createClient(facts.api)
})
afterAll(async () => {
  collector.close()
  place.clean()
  await endpoint.close()
})

/** Of whole frames only: the text, and the longest piece in which it came. */
function readText(all: string): { text: string; longest: number } {
  let text = ''
  let longest = 0
  for (const block of all.split('\n\n').slice(0, -1)) {
    const line = block.split('\n').find((each) => each.startsWith('data: '))
    if (line === undefined) continue
    const data = JSON.parse(line.slice(6)) as { event_type: string; delta: string }
    if (data.event_type === 'step_start') text = ''
    if (data.event_type !== 'text_delta') continue
    text += data.delta
    longest = Math.max(longest, data.delta.length)
  }
  return { text, longest }
}

/** What it has seen in the end: one that was cut off because it took so little comes back with its cursor. */
async function readOn(url: string, viewer: Viewer): Promise<string> {
  if (viewer.text().includes('"run_finish"')) return viewer.text()
  const before = viewer.text().slice(0, viewer.text().lastIndexOf('\n\n') + 2)
  const cursor = before
    .match(/^id: (.+)$/gm)
    ?.at(-1)
    ?.slice(4)
  const again = await openViewer(cursor === undefined ? `${url}?from=start` : `${url}?cursor=${cursor}`)
  await eventually(async () => (again.text().includes('"run_finish"') ? true : undefined), 30_000)
  again.close()
  return before + again.text()
}

/** In bytes, without what nobody needs any more: what waits for a slow reader is needed. */
async function whatIsHeld(): Promise<number> {
  const samples: number[] = []
  for (let n = 0; n < 3; n++) {
    await collector.collect()
    samples.push((await memoryOf(facts)).held)
  }
  return Math.min(...samples)
}

async function run(n: number, slow: number): Promise<{ ms: number; held: number }> {
  const thread = `slow-${String(n)}`
  await client.call('POST', '/v1/threads', { id: thread })
  const url = `${facts.api}/v1/threads/${thread}/stream`
  const fast = await openViewer(url)
  const lame = await Promise.all(Array.from({ length: slow }, () => openViewer(url, { bytes_a_second: 1_000 })))
  const { body } = await client.call('POST', `/v1/threads/${thread}/messages`, { messages: [{ role: 'user', content: 'go' }] })
  await eventually(async () => (fast.text().includes('"run_finish"') ? true : undefined), 60_000)
  const held = await whatIsHeld()
  expect(readText(fast.text()).text === answer, 'the fast reader has the whole answer').toBe(true)
  for (const each of lame) {
    // They are far behind, and were not waited for.
    expect(each.bytes()).toBeLessThan(100_000)
    each.hurry()
  }
  let dropped = 0
  for (const each of lame) {
    await eventually(async () => (each.text().includes('"run_finish"') || !each.isOpen() ? true : undefined), 30_000)
    const seen = readText(await readOn(url, each))
    expect(seen.text === answer, 'a slow reader ends up with the whole answer').toBe(true)
    // What it missed came out of the log in one piece.
    if (seen.longest > 100 * WORD_BYTES) dropped += 1
  }
  for (const each of [fast, ...lame]) each.close()
  const { body: record } = await client.call('GET', `/v1/runs/${body.run_id as string}`)
  expect(record.termination).toEqual({ type: 'natural_end' })
  const ms = Date.parse(record.finished_at) - Date.parse(record.started_at)
  console.log(
    `${String(slow)} slow readers, ${String(dropped)} of them dropped to the log: ${String(ms)} ms, ${megabytes(held)} MiB held`,
  )
  expect(dropped).toBe(slow)
  return { ms, held }
}

test(`${String(SLOW)} readers of 1 KB/s neither slow a run nor fill the server`, async () => {
  await run(99, 0)
  const sides: { ms: number; held: number }[][] = [[], []]
  for (let n = 0; n < BLOCKS; n++) sides[n % 2]?.push(await run(n, n % 2 === 0 ? 0 : SLOW))
  // The quickest of each side: what else the machine does only ever adds.
  const [alone = 0, beside = 0] = sides.map((side) => Math.min(...side.map(({ ms }) => ms)))
  const [without = 0, behind = 0] = sides.map((side) => Math.min(...side.map(({ held }) => held)))
  console.log(
    `a run of ${megabytes(answer.length)} MiB: ${alone.toFixed(0)} ms with a fast reader, ${beside.toFixed(0)} ms with ${String(SLOW)} slow ones beside it, ratio ${(beside / alone).toFixed(2)}; memory held at its end ${megabytes(without)} and ${megabytes(behind)} MiB`,
  )
  expect(beside / alone).toBeLessThan(1.5)
  expect(behind - without).toBeLessThan(MOST)
}, 240_000)
