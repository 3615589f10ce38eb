import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../../src/temporal/embedded/ports.ts'
import { createPlace, type Started } from '../support/program.ts'
import { startCuttingProxy, type CuttingProxy } from '../streams/support/cutting-proxy.ts'
import { startWordEndpoint, type WordEndpoint } from '../streams/support/endpoint.ts'
import { randomFrom } from '../streams/support/random.ts'
import { watchRun } from '../streams/support/watch.ts'

/** Everything in one process, which is killed while it streams: the attempt under way is lost with it. */
const SEED = Number(process.env['WEFT_STREAM_SEED'] ?? String(Date.now() % 1_000_000))
const random = randomFrom(SEED)
let place: ReturnType<typeof createPlace>
let endpoint: WordEndpoint
let proxy: CuttingProxy
let program: Started
let port: number
let env: Record<string, string>

beforeAll(async () => {
  console.log(`seed ${String(SEED)}`)
  place = createPlace()
  endpoint = await startWordEndpoint(random, { words: 80, delay_ms: 20 })
  port = await freePort()
  const model = { OPENAI_API_KEY: 'k', OPENAI_BASE_URL: endpoint.base_url, OPENAI_MODEL: 'm' }
  env = { ...model, PORT: String(port), LOG_LEVEL: 'warn' }
  program = place.start(env)
  await program.facts
  proxy = await startCuttingProxy({ ports: () => [port], random, most: 5_000, noted: endpoint.breaking })
})
afterAll(async () => {
  await proxy.close()
  place.clean()
  await endpoint.close()
})

test('streams over a line that is cut go on after the whole program was killed in the middle of an answer', async () => {
  const watched = Promise.all(
    ['one', 'two'].map((name) => watchRun(proxy.url, () => `http://127.0.0.1:${String(port)}`, name, endpoint)),
  )
  // In the middle of the attempt that would have been accepted.
  const rejected = watched.then(
    () => null,
    (error: unknown) => error,
  )
  while (endpoint.broken() < 2 || endpoint.breaking()) await new Promise((resolve) => setTimeout(resolve, 20))
  while (endpoint.accepted('one') === undefined) await new Promise((resolve) => setTimeout(resolve, 20))
  const lost = endpoint.accepted('one')
  await new Promise((resolve) => setTimeout(resolve, 200))
  program.child.kill('SIGKILL')
  await program.ended
  program = place.start(env)
  await program.facts
  const failed = await rejected
  if (failed !== null) throw failed
  const runs = await watched
  expect(endpoint.accepted('one')).not.toBe(lost)
  console.log(
    `${String(proxy.cuts())} cuts, attempts ${runs.map(({ attempts }) => String(attempts)).join(' and ')}, seed ${String(SEED)}`,
  )
  expect(proxy.cuts()).toBeGreaterThan(0)
}, 120_000)
