import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient, type Client } from '../http/support/client.ts'
import { eventually } from '../support/engine.ts'
import { createPlace, type Facts } from '../support/program.ts'
import { ROOT } from '../support/sources.ts'
import { openViewer, type Viewer } from '../streams/support/viewer.ts'

/** How soon a tool starts after its approval, with nobody and with a hundred people watching its thread. */
const VIEWERS = 100
const DECISIONS = 15
const BLOCKS = 4

let place: ReturnType<typeof createPlace>
let facts: Facts
let client: Client
let starts: string
beforeAll(async () => {
  place = createPlace()
  starts = join(place.dir, 'starts')
  writeFileSync(starts, '')
  const config = join(place.dir, 'weft.config.ts')
  writeFileSync(
    config,
    `import { appendFileSync } from 'node:fs'
    import { z } from '${ROOT}/node_modules/zod/index.js'
    import { defineConfig, tool } from '${ROOT}/src/agent/define-config.ts'
    export default defineConfig({
      agents: [{ id: 'default', model: 'scripted', tools: ['mark'] }],
      tools: { mark: tool({ description: 'Notes when it starts.', inputSchema: z.object({ id: z.string() }), needsApproval: true,
        execute: ({ id }) => { appendFileSync('${starts}', id + ' ' + (performance.timeOrigin + performance.now()) + '\\n'); return 'noted' } }) },
    })`,
  )
  facts = await place.start({ WEFT_CONFIG: config, LOG_LEVEL: 'warn' }).facts
  client = createClient(facts.api)
})
afterAll(() => {
  place.clean()
})

/** From the decision's sending to the tool's start, in ms. */
async function decide(thread: string, id: string): Promise<number> {
  const { body: run } = await client.run(`/tool mark {"id":"${id}"}`, { thread_id: thread })
  expect(run.status).toBe('waiting')
  const sent = performance.timeOrigin + performance.now()
  const { status } = await client.call('POST', `/v1/threads/${thread}/decision`, {
    tool_call_id: run.waiting.tickets[0].tool_call_id,
    action: 'resume',
  })
  expect(status).toBe(202)
  const { body } = await client.call('GET', `/v1/runs/${run.run_id as string}/wait?timeout_ms=20000`)
  expect(body.status).toBe('done')
  const line = readFileSync(starts, 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${id} `))
  return Number(line?.split(' ')[1]) - sent
}

async function block(n: number, viewers: number): Promise<number[]> {
  const thread = `watched-${String(n)}`
  await client.call('POST', '/v1/threads', { id: thread })
  const open: Viewer[] = await Promise.all(
    Array.from({ length: viewers }, () => openViewer(`${facts.api}/v1/threads/${thread}/stream`)),
  )
  const times: number[] = []
  for (let i = 0; i < DECISIONS; i++) times.push(await decide(thread, `${String(n)}-${String(i)}`))
  // Everybody has seen all of it.
  for (const viewer of open) {
    await eventually(async () => (viewer.text().split('"run_finish"').length - 1 === DECISIONS ? true : undefined))
    viewer.close()
  }
  return times
}

const median = (times: number[]): number => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN

test(`a decision is carried out as soon with ${String(VIEWERS)} viewers as without`, async () => {
  await block(99, 0)
  const [without, withViewers]: [number[], number[]] = [[], []]
  for (let n = 0; n < BLOCKS; n++) (n % 2 === 0 ? without : withViewers).push(...(await block(n, n % 2 === 0 ? 0 : VIEWERS)))
  const ratio = median(withViewers) / median(without)
  console.log(
    `decision to tool start, p50 of ${String(without.length)} each: ${median(without).toFixed(1)} ms without viewers, ${median(withViewers).toFixed(1)} ms with ${String(VIEWERS)}, ratio ${ratio.toFixed(2)}`,
  )
  expect(ratio).toBeLessThan(1.5)
})
