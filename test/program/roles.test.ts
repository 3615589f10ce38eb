import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../../src/temporal/embedded/ports.ts'
import { startTemporal } from '../support/engine.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { ask, createPlace } from '../support/program.ts'

let place: ReturnType<typeof createPlace>
let postgres: TestPostgres
let temporal: Awaited<ReturnType<typeof startTemporal>>
beforeAll(async () => {
  place = createPlace()
  ;[postgres, temporal] = await Promise.all([startPostgres(), startTemporal()])
})
afterAll(async () => {
  place.clean()
  await Promise.all([postgres.stop(), temporal.remove()])
})

test('an API and two workers share a database and a Temporal server', async () => {
  const servers = { DATABASE_URL: postgres.url, TEMPORAL_ADDRESS: temporal.address }
  const api = place.start({ ...servers, WEFT_ROLE: 'api' })
  const workers = [place.start({ ...servers, WEFT_ROLE: 'worker' }), place.start({ ...servers, WEFT_ROLE: 'worker' })]
  const facts = await api.facts
  expect(facts).toMatchObject({ temporal: temporal.address, temporal_ui: null })
  for (const worker of workers) expect(await worker.facts).toMatchObject({ api: null })

  expect(await ask(facts.api, 'shared', 'Hello')).toContain('You said: Hello')
  // The second worker takes over what the first leaves.
  workers[0]?.child.kill('SIGTERM')
  expect((await workers[0]?.ended)?.code).toBe(0)
  expect(await ask(facts.api, 'shared', 'Still there?')).toContain('You said: Still there?')

  for (const { child, ended } of [api, ...workers.slice(1)]) {
    child.kill('SIGTERM')
    expect((await ended).code).toBe(0)
  }
})

test('each process counts for Prometheus what it has done', async () => {
  const servers = { DATABASE_URL: postgres.url, TEMPORAL_ADDRESS: temporal.address }
  const api = place.start({ ...servers, WEFT_ROLE: 'api' })
  const metrics = `http://127.0.0.1:${String(await freePort())}/metrics`
  const worker = place.start({ ...servers, WEFT_ROLE: 'worker', WEFT_METRICS_PORT: new URL(metrics).port })
  const { api: base } = await api.facts
  await worker.facts
  const before = await figures(metrics)

  await ask(base, 'counted', '/fail 1 500')
  const submit = async (content: string) =>
    fetch(`${base}/v1/threads/counted/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ role: 'user', content }] }),
    }).then(async (response) => expect(response.status, await response.text()).toBe(202))
  await submit('/slow 500\nslowly')
  await submit('behind the slow one')
  await expect
    .poll(() => figures(metrics), { timeout: 5_000 })
    .toMatchObject({ 'weft_runs_ended_total{termination="natural_end"}': 3 })
  await submit('/slow 60000\nslowly')
  await submit('next')
  await submit('and next')
  // The depth is the store's, so each process tells the same of it.
  for (const page of [metrics, `${base}/metrics`])
    await expect.poll(() => figures(page)).toMatchObject({ 'weft_dispatches{status="queued"}': 2 })
  const after = await figures(metrics)
  const grown = (name: string) => (after[name] ?? 0) - (before[name] ?? 0)
  expect(grown('weft_dispatch_redeliveries_total{reason="attempt_failed"}')).toBe(1)
  // The first run of a thread is begun by the API that takes it.
  const started = (page: Record<string, number>): number => page['weft_dispatch_start_seconds_count'] ?? 0
  expect([grown('weft_dispatch_start_seconds_count'), started(await figures(`${base}/metrics`))]).toEqual([3, 1])
  expect(grown('weft_runs_ended_total{termination="natural_end"}')).toBe(3)
  // Of the worker's, two started at once; the third waited for the slow one before it.
  expect(grown('weft_dispatch_start_seconds_sum')).toBeGreaterThan(0.2)
  expect(grown('weft_dispatch_start_seconds_bucket{le="0.1"}')).toBe(2)

  await fetch(`${base}/v1/threads/counted`, { method: 'DELETE' })
  for (const { child, ended } of [api, worker]) {
    child.kill('SIGTERM')
    expect((await ended).code).toBe(0)
  }
})

/** The samples of a page of metrics by name and labels. */
async function figures(page: string): Promise<Record<string, number>> {
  const text = await (await fetch(page)).text()
  return Object.fromEntries([...text.matchAll(/^(weft_\S+) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]))
}
