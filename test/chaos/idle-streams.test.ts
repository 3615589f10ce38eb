import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient, type Client } from '../http/support/client.ts'
import { eventually } from '../support/engine.ts'
import { createPlace, type Facts } from '../support/program.ts'
import { megabytes, sampleMemory } from '../streams/support/server-memory.ts'
import { openViewer, type Viewer } from '../streams/support/viewer.ts'

/** `WEFT_IDLE_STREAMS_S`: how long they stay open (20; the long form is 600). */
const SECONDS = Number(process.env['WEFT_IDLE_STREAMS_S'] ?? '20')
const STREAMS = 500
const THREADS = 50
/** What one stream may cost the server, and what all of them together may grow by (bytes). */
const MOST_A_STREAM = 200 * 1_024
const MOST_GROWTH = 20 * 1_048_576

/** The server frees what it can every second, so that what is left is what it holds. */
const COLLECTING = ['--expose-gc', '--import', 'data:text/javascript,setInterval(() => gc(), 1000).unref()']

let place: ReturnType<typeof createPlace>
let facts: Facts
let client: Client
beforeAll(async () => {
  place = createPlace()
  facts = await place.start({ LOG_LEVEL: 'warn' }, { through: COLLECTING }).facts
  client = createClient(facts.api)
})
afterAll(() => {
  place.clean()
})

const lowest = (values: number[]): number => Math.min(...values)

test(
  `${String(STREAMS)} idle streams cost little, do not grow in ${String(SECONDS)} s, and hear what comes then`,
  async () => {
    const ids = Array.from({ length: THREADS }, (_, n) => `idle-${String(n)}`)
    for (const id of ids) await client.call('POST', '/v1/threads', { id })
    await client.run('warm up', { thread_id: ids[0] })
    // What the start has left behind is gone by the time it matters: the lowest of many samples counts.
    const settle = sampleMemory(facts, 250)
    await new Promise((resolve) => setTimeout(resolve, 5_000))
    const before = await settle.stop()
    const paths = ['stream', 'events/stream']
    const viewers: Viewer[] = []
    for (let n = 0; n < STREAMS; n++)
      viewers.push(await openViewer(`${facts.api}/v1/threads/${String(ids[n % THREADS])}/${String(paths[n % 2])}`))
    const sampling = sampleMemory(facts, Math.max(250, SECONDS * 5))
    await new Promise((resolve) => setTimeout(resolve, SECONDS * 1_000))
    const samples = await sampling.stop()
    const third = Math.floor(samples.length / 3)
    const held = samples.map((sample) => sample.held)
    const [first, last] = [lowest(held.slice(0, third)), lowest(held.slice(-third))]
    const each = (lowest(held) - lowest(before.map((sample) => sample.held))) / STREAMS
    const resident =
      (lowest(samples.map((sample) => sample.resident)) - lowest(before.map((sample) => sample.resident))) / STREAMS
    console.log(
      `${String(STREAMS)} idle streams for ${String(SECONDS)} s: ${(each / 1_024).toFixed(1)} KiB of JavaScript memory each (${(resident / 1_024).toFixed(1)} KiB resident), ${megabytes(first)} MiB in the first third, ${megabytes(last)} MiB in the last`,
    )
    expect(each).toBeLessThan(MOST_A_STREAM)
    expect(last - first).toBeLessThan(MOST_GROWTH)
    expect(viewers.every((viewer) => viewer.isOpen())).toBe(true)
    await client.run('at last', { thread_id: ids[7] })
    const hearing = viewers.filter((_, n) => n % THREADS === 7)
    for (const viewer of hearing) await eventually(async () => (/run_finish|RunFinished/.test(viewer.text()) ? true : undefined))
    for (const viewer of viewers) viewer.close()
  },
  60_000 + SECONDS * 1_500,
)
