import { hostname } from 'node:os'
import type { Logger } from 'pino'
import { isLoopback, type Config } from '../config.ts'
import { lockDataDir, type Store } from '../store/index.ts'
import { claimPort } from '../temporal/embedded/ports.ts'
import { loadAgents } from './agents.ts'
import type { ProgramFacts } from './banner.ts'
import { allOrNone, beginning } from './all-or-none.ts'
import { startLayers } from './layers.ts'
import { createShutdown } from './shutdown.ts'
import { openStore } from './store-service.ts'
import type { TemporalFigures } from './temporal-runtime.ts'
import { startTemporalService } from './temporal-service.ts'

export type Program = {
  facts: ProgramFacts
  /** What a person should know about this way of running, one sentence each. */
  notes: string[]
  /** Ends everything in order: HTTP, worker, connections, store, Temporal server, lock. Never rejects. */
  stop(): Promise<void>
}

export type StartOptions = {
  logger: Logger
  /** Gives up starting; what has begun is ended before `startProgram` rejects. */
  signal: AbortSignal
  /** Something the program cannot do without has died; the caller should stop it. */
  onFailure: (error: Error) => void
  /** What the SDK counts, to be shown with our own figures. */
  temporalFigures?: TemporalFigures | null
}

const SERVER_STOP_MS = 6_000

/**
 * Brings everything up that this process's role asks for, and resolves once it is of use. Whatever fails ends what
 * has begun. Throws errors whose message is one sentence for the person who started it.
 */
export async function startProgram(
  config: Config,
  { logger, signal, onFailure, temporalFigures = null }: StartOptions,
): Promise<Program> {
  const shutdown = createShutdown(logger)
  try {
    // Mistakes in it are found before anything slow begins.
    const agents = await loadAgents(config)
    // Two servers on one directory would quietly lose rows; without a server of its own a process needs no directory.
    if (config.databaseUrl === null || config.temporal.address === null) {
      const lock = await lockDataDir(config.dataDir)
      shutdown.add('The lock of the data directory', () => lock.release())
    }
    const hasApi = config.role !== 'worker'
    const port = hasApi && config.port !== 0 ? await claimPort(config.port, 'the API', 'PORT', config.host) : config.port
    const [temporal, store] = await allOrNone(signal, [
      beginning(
        (abort) => startTemporalService(config, logger, abort, onFailure),
        (service) => service.stop(),
      ),
      beginning(
        () => openStore(config),
        (opened) => opened.close(),
      ),
    ])
    shutdown.add('The Temporal server', () => temporal.stop(), SERVER_STOP_MS)
    shutdown.add('The store', () => store.close())
    const identity = `weft@${hostname()}/${process.pid}`
    const layers = await startLayers({
      config: { ...config, port },
      logger,
      shutdown,
      temporal,
      store,
      agents,
      identity,
      onFailure,
      temporalFigures,
    })
    signal.throwIfAborted()
    const facts = {
      api: layers.api,
      temporal: temporal.address,
      temporal_ui: temporal.uiAddress,
      temporal_cli: temporal.cli,
      pid: process.pid,
    }
    return { facts, notes: await notes(config, store), stop: () => shutdown.run() }
  } catch (error) {
    await shutdown.run()
    throw error
  }
}

async function notes(config: Config, store: Store): Promise<string[]> {
  if (config.role === 'worker') return []
  const { required, adminKey, jwt } = config.auth
  const keys = await store.keys.any()
  if (required || adminKey !== null || jwt !== null || keys) {
    if (keys || adminKey !== null || jwt !== null)
      return ['every request needs a key or token: curl -H "authorization: Bearer $WEFT_API_KEY" …']
    return ['every request needs a key, and there is none yet; stop, and make one with `npm run weft -- keys create`.']
  }
  if (!isLoopback(config.host)) return [`the API listens on ${config.host} without authentication (WEFT_INSECURE_BIND).`]
  return ['there is no authentication, so the API listens on this machine only.']
}
