import { afterAll, beforeAll, expect, test } from 'vitest'
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
