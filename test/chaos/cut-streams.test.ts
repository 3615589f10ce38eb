import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../../src/temporal/embedded/ports.ts'
import { startTemporal } from '../support/engine.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { createPlace, type Started } from '../support/program.ts'
import { startCuttingProxy, type CuttingProxy } from '../streams/support/cutting-proxy.ts'
import { startWordEndpoint, type WordEndpoint } from '../streams/support/endpoint.ts'
import { randomFrom } from '../streams/support/random.ts'
import { watchRun } from '../streams/support/watch.ts'

/** `WEFT_STREAM_CUTS` cuts (60), by the seed `WEFT_STREAM_SEED` (from the clock). */
const CUTS = Number(process.env['WEFT_STREAM_CUTS'] ?? '60')
const SEED = Number(process.env['WEFT_STREAM_SEED'] ?? String(Date.now() % 1_000_000))
/** One API process is killed, and all processes' bus connections are, at so many cuts' distance. */
const KILL_EVERY = 50
const DEAFEN_EVERY = 20
const AT_ONCE = 4
const random = randomFrom(SEED)

let place: ReturnType<typeof createPlace>
let postgres: TestPostgres
let temporal: Awaited<ReturnType<typeof startTemporal>>
let endpoint: WordEndpoint
let proxy: CuttingProxy
let worker: Started
const apis: { port: number; process: Started }[] = []
let env: Record<string, string>

beforeAll(async () => {
  console.log(`seed ${String(SEED)}`)
  place = createPlace()
  ;[postgres, temporal, endpoint] = await Promise.all([
    startPostgres(),
    startTemporal(),
    startWordEndpoint(random, { words: 60, delay_ms: 12 }),
  ])
  env = { DATABASE_URL: postgres.url, TEMPORAL_ADDRESS: temporal.address, LOG_LEVEL: 'warn' }
  worker = place.start({
    ...env,
    WEFT_ROLE: 'worker',
    OPENAI_API_KEY: 'k',
    OPENAI_BASE_URL: endpoint.base_url,
    OPENAI_MODEL: 'm',
  })
  for (let n = 0; n < 2; n++) {
    const port = await freePort()
    apis.push({ port, process: startApi(port) })
    await apis[n]?.process.facts
  }
  await worker.facts
  proxy = await startCuttingProxy({ ports: () => apis.map(({ port }) => port), random, most: 5_000, noted: endpoint.breaking })
})
afterAll(async () => {
  await proxy.close()
  place.clean()
  await Promise.all([postgres.stop(), temporal.remove(), endpoint.close()])
})

function startApi(port: number): Started {
  return place.start({ ...env, WEFT_ROLE: 'api', PORT: String(port) })
}

/** Ends the connections that listen and notify: what was on its way is lost. */
async function deafen(): Promise<number> {
  const admin = new pg.Client({ connectionString: postgres.url })
  await admin.connect()
  const { rowCount } = await admin.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'LISTEN %' OR query LIKE 'SELECT pg_notify(%'",
  )
  await admin.end()
  return rowCount ?? 0
}

test(
  `${String(CUTS)} cuts at any byte, two API processes of which one is killed again and again, and attempts that fail`,
  async () => {
    let kills = 0
    let runs = 0
    let deafened = 0
    let deaf_at = DEAFEN_EVERY
    let failed: unknown
    const killing = (async () => {
      while (failed === undefined && proxy.cuts() < CUTS) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        if (proxy.cuts() >= deaf_at) {
          deaf_at = proxy.cuts() + DEAFEN_EVERY
          deafened += await deafen()
        }
        if (proxy.cuts() < (kills + 0.5) * KILL_EVERY) continue
        const victim = apis[kills % 2]
        if (victim === undefined) return
        victim.process.child.kill('SIGKILL')
        await victim.process.ended
        kills += 1
        victim.process = startApi(victim.port)
        await victim.process.facts
      }
    })()
    const alive = (): string => `http://127.0.0.1:${String(apis[(kills + 1) % 2]?.port)}`
    let connections = 0
    const one = async (lane: number): Promise<void> => {
      for (let n = 0; failed === undefined && proxy.cuts() < CUTS; n++) {
        const watched = await watchRun(proxy.url, alive, `cut-${String(lane)}-${String(n)}`, endpoint)
        connections += watched.connections
        runs += 1
      }
    }
    const began = Date.now()
    await Promise.all(
      Array.from({ length: AT_ONCE }, (_, lane) =>
        one(lane).catch((error: unknown) => {
          failed ??= error
        }),
      ),
    )
    await killing
    const facts = `${String(proxy.cuts())} cuts (${String(proxy.cutsInHead())} in the head, ${String(proxy.cutsNoted())} during an attempt that failed), ${String(connections)} connections, ${String(runs)} runs, ${String(endpoint.broken())} attempts broken off, ${String(kills)} kills of an API process, ${String(deafened)} bus connections ended, ${String(Math.round((Date.now() - began) / 1_000))} s, seed ${String(SEED)}`
    console.log(facts)
    if (failed !== undefined) throw new Error(`${String(failed)} (${facts})`, { cause: failed })
    expect(kills).toBeGreaterThan(0)
    expect(deafened).toBeGreaterThan(0)
    expect(proxy.cutsNoted()).toBeGreaterThan(0)
  },
  30_000 + CUTS * 1_500,
)
