import { Client, Connection } from '@temporalio/client'
import { startTemporal } from '../../support/engine.ts'
import { startPostgres, type TestPostgres } from '../../support/postgres.ts'
import { createPlace, type Started } from '../../support/program.ts'
import { createApi, type Api } from './api.ts'

/** One process of the program under test, ready for use. */
export type Running = { api: Api; temporal: string; pid: number; stop(): Promise<void>; kill(): Promise<void> }

export type World = {
  dataDir: string
  dir: string
  postgres: TestPostgres
  /** Address of a Temporal server of the test's own. */
  temporal: string
  cli: string
  /** Starts the program; resolves once it is healthy. */
  start(env?: Record<string, string>): Promise<Running>
  /** Starts the program in a role, on the world's PostgreSQL and Temporal server. */
  startRole(role: 'api' | 'worker' | 'all', env?: Record<string, string>): Promise<Running>
  startRaw: ReturnType<typeof createPlace>['start']
  client(address: string): Promise<Client>
  /** Stops a process where it stands; it goes on at `thaw`, or dies with the world. */
  freeze(pid: number): void
  thaw(pid: number): void
  end(): Promise<void>
}

/** A place for processes of one test file, with the servers it asks for. `end` leaves nothing behind. */
export async function createWorld(needs: { postgres?: boolean; temporal?: boolean } = {}): Promise<World> {
  const place = createPlace()
  const connections: Connection[] = []
  const frozen = new Set<number>()
  const [postgres, temporal] = await Promise.all([
    needs.postgres === true ? startPostgres() : null,
    needs.temporal === true ? startTemporal() : null,
  ])

  const apis = new Set<Api>()
  const start = async (env: Record<string, string> = {}): Promise<Running> =>
    running(place.start({ LOG_LEVEL: 'error', ...env }), apis)
  const thaw = (pid: number): void => {
    if (frozen.delete(pid)) process.kill(pid, 'SIGCONT')
  }
  return {
    dataDir: place.dataDir,
    dir: place.dir,
    get postgres() {
      if (postgres === null) throw new Error('this world has no PostgreSQL')
      return postgres
    },
    temporal: temporal?.address ?? '',
    cli: temporal?.cli ?? '',
    start,
    startRole: (role, env = {}) =>
      start({ WEFT_ROLE: role, DATABASE_URL: postgres?.url ?? '', TEMPORAL_ADDRESS: temporal?.address ?? '', ...env }),
    startRaw: place.start,
    async client(address) {
      const connection = await Connection.connect({ address })
      connections.push(connection)
      return new Client({ connection })
    },
    freeze(pid) {
      frozen.add(pid)
      process.kill(pid, 'SIGSTOP')
    },
    thaw,
    async end() {
      postgres?.resume()
      for (const pid of [...frozen]) {
        try {
          thaw(pid)
        } catch {
          // It has ended meanwhile.
        }
      }
      try {
        for (const api of apis) await api.checkLogs()
      } finally {
        await end()
      }
    },
  }

  async function end(): Promise<void> {
    await Promise.all(connections.map((connection) => connection.close().catch(() => undefined)))
    place.clean()
    await Promise.all([postgres?.stop(), temporal?.remove()])
  }
}

/** `apis`: those of the processes that have one and are there; what they show when they are stopped must be in order. */
async function running(started: Started, apis: Set<Api>): Promise<Running> {
  const { api: url, temporal, pid } = await started.facts
  const api = createApi(url)
  if (url !== null) apis.add(api)
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (apis.delete(api) && signal === 'SIGTERM') await api.checkLogs()
    started.child.kill(signal)
    await started.ended
  }
  return { api, temporal, pid, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') }
}
