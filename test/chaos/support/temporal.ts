import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serverArguments } from '../../../src/temporal/embedded/arguments.ts'
import { waitUntilHealthy } from '../../../src/temporal/embedded/health.ts'
import { spawnServer, type ServerProcess } from '../../../src/temporal/embedded/server-process.ts'
import { freePort } from '../../../src/temporal/embedded/ports.ts'
import { temporalCli } from '../../support/temporal-cli.ts'

const START_MS = 60_000

/** A real Temporal server with a database file, which can be killed and started again on the same port and file. */
export type KillableTemporal = {
  address: string
  pid(): number | undefined
  kill(): Promise<void>
  start(): Promise<void>
  remove(): Promise<void>
}

export async function startKillableTemporal(): Promise<KillableTemporal> {
  const cli = await temporalCli()
  const dir = mkdtempSync(join(tmpdir(), 'weft-chaos-temporal-'))
  const port = await freePort()
  const args = serverArguments({ databaseFile: join(dir, 'temporal.db'), port, uiPort: null, namespace: 'default' })
  let server: ServerProcess | null = null
  const kill = async (): Promise<void> => {
    if (server === null || server.hasExited()) return
    process.kill(server.pid, 'SIGKILL')
    await server.exited
  }
  // A test run that dies must leave no server behind.
  const orphaned = (): void => {
    if (server !== null && !server.hasExited()) process.kill(server.pid, 'SIGKILL')
  }
  process.once('exit', orphaned)
  const start = async (): Promise<void> => {
    const started = await spawnServer(cli, args, join(dir, 'temporal.log'))
    server = started
    await waitUntilHealthy(port, 'default', Date.now() + START_MS, started.hasExited)
    if (started.hasExited()) throw new Error(`Temporal ended at its start: ${started.lastWords()}`)
  }
  await start()
  return {
    address: `127.0.0.1:${String(port)}`,
    pid: () => server?.pid,
    kill,
    start,
    async remove() {
      process.off('exit', orphaned)
      await kill()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
