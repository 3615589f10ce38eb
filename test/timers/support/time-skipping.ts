import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '@temporalio/client'
import { InternalConnectionOptionsSymbol } from '@temporalio/client/lib/connection.js'
import { childEnvironment, loadConfig } from '../../../src/config.ts'
import { withFileLock } from '../../../src/temporal/cli/file-lock.ts'
import { findOnPath } from '../../../src/temporal/cli/search-path.ts'
import { freePort } from '../../../src/temporal/embedded/ports.ts'

const POM = join(import.meta.dirname, 'pom.xml')
const MAIN = 'io.temporal.testserver.TestServer'
const START_MS = 60_000

/** Temporal's own test server, whose clock stands in for days. */
export type TimeSkipping = {
  address: string
  /** Lets so much time pass, in ms, with everything that falls due on the way. */
  pass(ms: number): Promise<void>
  stop(): Promise<void>
}

/** What is missing on this machine to run it, or null. */
export function missing(): string | null {
  const { searchPath } = loadConfig()
  const absent = ['java', 'mvn'].filter((program) => findOnPath(program, searchPath).length === 0)
  return absent.length === 0 ? null : absent.join(' and ')
}

/** Folder of the jars: the one in the cache, else fetched there by Maven (a minute, once). */
async function obtain(): Promise<string> {
  const name = createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 16)
  const target = join(loadConfig().cacheDir, 'temporal-test-server', name)
  if (existsSync(target)) return target
  mkdirSync(dirname(target), { recursive: true })
  return withFileLock(`${target}.lock`, {}, async () => {
    if (existsSync(target)) return target
    console.error('Fetching Temporal’s test server with Maven; this is done once…')
    const directory = mkdtempSync(join(dirname(target), '.fetch-'))
    try {
      const options = ['-q', '-B', '-f', POM, `-DoutputDirectory=${directory}`, '-DincludeScope=runtime']
      await run('mvn', [...options, 'dependency:copy-dependencies'])
      renameSync(directory, target)
      return target
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
}

function run(command: string, args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'], env: childEnvironment({}) })
    child.once('error', reject)
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${command} ended with ${String(code)}.`))))
  })
}

/** Starts the server; its clock goes as any other until it is told to pass time. */
export async function startTimeSkipping(): Promise<TimeSkipping> {
  const jars = await obtain()
  const port = await freePort()
  const child = spawn('java', ['-Xmx256m', '-XX:+UseSerialGC', '-cp', join(jars, '*'), MAIN, String(port)], { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  // A test run that dies must leave no server behind.
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  const address = `127.0.0.1:${String(port)}`
  const connection = await connect(address, () => child.exitCode !== null)
  return {
    address,
    async pass(ms) {
      const duration = { seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1_000_000 } as never
      await connection.testService?.unlockTimeSkippingWithSleep({ duration })
    },
    async stop() {
      await connection.close()
      process.off('exit', kill)
      kill()
      await ended
    },
  }
}

async function connect(address: string, hasEnded: () => boolean): Promise<Connection> {
  const options = { address, [InternalConnectionOptionsSymbol]: { supportsTestService: true } }
  for (const deadline = Date.now() + START_MS; ; await sleep(100)) {
    try {
      return await Connection.connect(options)
    } catch (error) {
      if (hasEnded() || Date.now() > deadline) throw error
    }
  }
}
