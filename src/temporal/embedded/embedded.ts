import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StartError } from '../../start-error.ts'
import { serverArguments } from './arguments.ts'
import { waitUntilHealthy } from './health.ts'
import { removePidFile, stopOrphan, writePidFile } from './orphan.ts'
import { claimPort } from './ports.ts'
import { spawnServer, type ServerProcess } from './server-process.ts'

const START_WAIT_MS = 60_000
const PROGRESS_MS = 3_000
const RESTART_DELAYS_MS = [200, 1_000, 3_000, 10_000]
/** After this long without trouble the next failure counts as the first. */
const CALM_MS = 60_000
const PORT_TRIES = 4
const OWN_WAIT_MS = 2_000
const LISTENS = /^(Temporal )?Server:\s/m
/** What the server says of a port that it cannot have, its own inner ones too. */
const PORT_TAKEN = /address already in use/

export type EmbeddedTemporalOptions = {
  /** Path of the `temporal` program; `obtainTemporalCli` finds it. */
  cli: string
  /** Holds temporal.db, temporal.log and temporal.pid. One server a directory: whoever calls holds its lock. */
  dataDir: string
  /** 0 picks a free one. */
  port: number
  /** 0 picks a free one, null starts no UI. */
  uiPort: number | null
  namespace?: string
  /** False: tasks are given out in the order of their coming, whosever they are. */
  fair?: boolean
  /** Word of what takes long or goes wrong, one sentence each. */
  report?: (sentence: string) => void
  /** The server died and could not be started again. */
  onGone?: (error: Error) => void
  /** Gives up starting. */
  signal?: AbortSignal
}

export type EmbeddedTemporal = {
  /** `127.0.0.1:<port>`; stays the same over restarts. */
  address: string
  /** `http://127.0.0.1:<port>`, null without a UI. */
  uiAddress: string | null
  pid(): number
  /** Ends the server and waits for it. */
  stop(): Promise<void>
}

/**
 * Starts a tuned Temporal server on files in the data directory and waits until it is of use. A server that a killed
 * process left behind on the same files is stopped first; one that dies is started again on the same ports.
 * Throws `StartError` for a taken port, files it cannot use, or a program that does not start.
 */
export async function startEmbeddedTemporal(options: EmbeddedTemporalOptions): Promise<EmbeddedTemporal> {
  const { cli, namespace = 'default', report = () => {}, onGone = () => {}, signal } = options
  mkdirSync(options.dataDir, { recursive: true })
  const dataDir = realpathSync(options.dataDir)
  const databaseFile = join(dataDir, 'temporal.db')
  const logFile = join(dataDir, 'temporal.log')
  const pidFile = join(dataDir, 'temporal.pid')
  const fair = options.fair !== false && mayBeFair(dataDir, databaseFile)
  if (await stopOrphan(pidFile, databaseFile)) report('Stopped a Temporal server that an earlier process left behind.')
  let [port, uiPort] = await claimPorts(options)

  const launch = async (): Promise<ServerProcess> => {
    const server = await spawnServer(cli, serverArguments({ databaseFile, port, uiPort, namespace, fair }), logFile).catch(
      (error: unknown) => {
        throw new StartError(`The Temporal program ${cli} cannot be executed: ${(error as Error).message}.`)
      },
    )
    await writePidFile(pidFile, server.pid)
    const progress = setInterval(() => report('Waiting for the Temporal server…'), PROGRESS_MS)
    try {
      await waitUntilHealthy(port, namespace, Date.now() + START_WAIT_MS, () => server.hasExited() || signal?.aborted === true)
      await untilOwn(server)
      signal?.throwIfAborted()
      if (server.hasExited()) throw new StartError(endedEarly(databaseFile, server.lastWords(), logFile))
    } catch (error) {
      await server.stop()
      await removePidFile(pidFile)
      if (error instanceof StartError || signal?.aborted === true) throw error
      throw new StartError(
        `The Temporal server did not become ready within ${START_WAIT_MS / 1000} s (${(error as Error).message}); see ${logFile}.`,
      )
    } finally {
      clearInterval(progress)
    }
    return server
  }

  /** Another program may take a port between its being found free and the server's listening. */
  const launchFirst = async (): Promise<ServerProcess> => {
    for (let tries = 1; ; tries++) {
      try {
        return await launch()
      } catch (error) {
        if (tries === PORT_TRIES || !(error instanceof StartError) || !PORT_TAKEN.test(error.message)) throw error
        ;[port, uiPort] = await claimPorts(options)
      }
    }
  }
  let server = await launchFirst()
  let stopping = false
  const supervise = async () => {
    let failures = 0
    while (!stopping) {
      const since = Date.now()
      const how = await server.exited
      if (stopping) return
      if (Date.now() - since > CALM_MS) failures = 0
      for (;;) {
        const delay = RESTART_DELAYS_MS[failures++]
        if (delay === undefined) return onGone(new Error(`The Temporal server ended again and again (${how}); see ${logFile}.`))
        report(`The Temporal server ended unexpectedly (${how}); starting it again.`)
        await sleep(delay, undefined, { ref: false })
        if (stopping) return
        const next = await launch().catch((error: unknown) => report((error as Error).message))
        if (next === undefined) continue
        server = next
        break
      }
    }
  }
  let supervision = supervise()
  return {
    address: `127.0.0.1:${port}`,
    uiAddress: uiPort === null ? null : `http://127.0.0.1:${uiPort}`,
    pid: () => server.pid,
    async stop() {
      stopping = true
      await server.stop()
      await supervision
      // A restart that was under way may have put another one in its place.
      await server.stop()
      await removePidFile(pidFile)
    },
  }
}

/**
 * Who answers at the port may be a server of somebody else, who has taken it meanwhile, and ours is about to end because
 * of that. Ours says so once it listens; a version that says it in other words is believed after a while.
 */
async function untilOwn(server: ServerProcess): Promise<void> {
  const until = Date.now() + OWN_WAIT_MS
  while (!server.hasSaid(LISTENS) && !server.hasExited() && Date.now() < until) await sleep(20)
}

async function claimPorts(options: EmbeddedTemporalOptions): Promise<[port: number, uiPort: number | null]> {
  const port = await claimPort(options.port, 'the Temporal server', 'WEFT_TEMPORAL_PORT')
  const { uiPort } = options
  return [port, uiPort === null ? null : await claimPort(uiPort, 'the Temporal UI', 'WEFT_TEMPORAL_UI_PORT')]
}

/**
 * A database that has been used without fairness goes on without: the server (1.29) would leave what waits in it where it
 * is. A file beside a new database remembers.
 */
function mayBeFair(dataDir: string, databaseFile: string): boolean {
  const mark = join(dataDir, 'temporal.fair')
  if (existsSync(databaseFile)) return existsSync(mark)
  writeFileSync(mark, '')
  return true
}

function endedEarly(databaseFile: string, lastWords: string, logFile: string): string {
  if (/not a database|malformed|disk image|file is encrypted/i.test(lastWords)) {
    return `The Temporal server cannot read its database file ${databaseFile} (${lastWords}); restore it from a backup, or move it away to start with an empty one.`
  }
  return `The Temporal server ended at once${lastWords === '' ? '' : ` (${lastWords})`}; see ${logFile}.`
}
