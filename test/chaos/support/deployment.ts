import { freePort } from '../../../src/temporal/embedded/ports.ts'
import { startPostgres, type TestPostgres } from '../../support/postgres.ts'
import { createPlace } from '../../support/program.ts'
import { Slot } from './slot.ts'
import { startKillableTemporal, type KillableTemporal } from './temporal.ts'

/** API processes and workers apart, on a PostgreSQL and a Temporal server of their own; each of them can be killed. */
export type Deployment = {
  /** One address for each API process; it stays the same over restarts. */
  urls: string[]
  apis: Slot[]
  workers: Slot[]
  temporal: KillableTemporal
  postgres: TestPostgres
  /** Waits until every process is of use. */
  whenUp(): Promise<void>
  end(): Promise<void>
}

/** How each kind of process reaches the servers; by default by their own addresses. */
export type Ways = (servers: { postgres: string; temporal: string }) => Promise<Record<'api' | 'worker', Record<string, string>>>

const DIRECT: Ways = () => Promise.resolve({ api: {}, worker: {} })

export async function deploy(
  sizes: { apis: number; workers: number },
  env: Record<string, string> = {},
  ways: Ways = DIRECT,
): Promise<Deployment> {
  const [postgres, temporal] = await Promise.all([startPostgres(), startKillableTemporal()])
  const way = await ways({ postgres: postgres.url, temporal: temporal.address })
  const place = createPlace()
  const ports = await Promise.all(Array.from({ length: sizes.apis }, freePort))
  const settings = { DATABASE_URL: postgres.url, TEMPORAL_ADDRESS: temporal.address, LOG_LEVEL: 'error', ...env }
  const apis = ports.map(
    (port, index) =>
      new Slot(`api ${String(index)}`, () => place.start({ ...settings, ...way.api, WEFT_ROLE: 'api', PORT: String(port) })),
  )
  const workers = Array.from(
    { length: sizes.workers },
    (_, index) => new Slot(`worker ${String(index)}`, () => place.start({ ...settings, ...way.worker, WEFT_ROLE: 'worker' })),
  )
  const slots = [...apis, ...workers]
  const whenUp = async (): Promise<void> => {
    while (slots.some(({ up }) => !up)) await Promise.all(slots.map((slot) => slot.whenUp()))
  }
  await whenUp()
  return {
    urls: ports.map((port) => `http://127.0.0.1:${String(port)}`),
    apis,
    workers,
    temporal,
    postgres,
    whenUp,
    async end() {
      await Promise.all(slots.map((slot) => slot.close()))
      place.clean()
      await Promise.all([postgres.stop(), temporal.remove()])
    },
  }
}
