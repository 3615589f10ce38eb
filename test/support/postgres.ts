import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { freePort } from '../../src/temporal/embedded/ports.ts'

/** A private PostgreSQL server in a temporary directory, on a free port of 127.0.0.1. */
export type TestPostgres = {
  url: string
  pid: number
  /** Ends the server and removes its directory. */
  stop(): Promise<void>
  /** Stops all its processes as they are (SIGSTOP): connections stay open and nothing answers. */
  pause(): void
  resume(): void
  /** Ends all its processes at once (SIGKILL); its files stay, for `restart` on the same port. */
  kill(): Promise<void>
  restart(): Promise<void>
}

/** Starts a server from the installed binaries; as root it installs them where there are none. */
export async function startPostgres(): Promise<TestPostgres> {
  const bin = findBinaries()
  const owner = ownerOfServer()
  const dir = mkdtempSync(join(tmpdir(), 'weft-postgres-'))
  const data = join(dir, 'data')
  if (owner !== null) chownSync(dir, owner.uid, owner.gid)
  const as = owner === null ? {} : { uid: owner.uid, gid: owner.gid }
  const env = { ...process.env, HOME: dir, LC_ALL: 'C' }
  const initdb = ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C']
  execFileSync(join(bin, 'initdb'), initdb, { ...as, env, cwd: dir, stdio: 'pipe' })
  const port = await freePort()
  const settings = ['fsync=off', 'listen_addresses=127.0.0.1', `unix_socket_directories=${dir}`, 'max_connections=100'].flatMap(
    (one) => ['-c', one],
  )
  const launch = (): ChildProcess & { pid: number } => {
    const started = spawn(join(bin, 'postgres'), ['-D', data, '-p', String(port), ...settings], {
      ...as,
      env,
      cwd: dir,
      stdio: 'ignore',
    })
    if (started.pid === undefined) throw new Error(`${join(bin, 'postgres')} could not be started.`)
    return started as ChildProcess & { pid: number }
  }
  let server = launch()
  // A test run that dies must leave no server behind.
  const kill = (): void => void signal([server.pid], 'SIGKILL')
  process.once('exit', kill)
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  await untilReady(url, server)
  const family = (): number[] => [server.pid, ...childrenOf(server.pid)]
  const hasEnded = (): boolean => server.exitCode !== null || server.signalCode !== null
  return {
    url,
    get pid() {
      return server.pid
    },
    pause: () => signal(family(), 'SIGSTOP'),
    resume: () => signal(family(), 'SIGCONT'),
    kill: async () => {
      const ended = hasEnded() ? null : new Promise((resolve) => server.once('exit', resolve))
      signal(family(), 'SIGKILL')
      await ended
    },
    restart: async () => {
      // Until the last of the killed processes is gone their shared memory is in the way.
      for (let attempt = 1; ; attempt++) {
        server = launch()
        try {
          return await untilReady(url, server)
        } catch (error) {
          if (attempt === 20) throw error
          await sleep(100)
        }
      }
    },
    stop: async () => {
      process.off('exit', kill)
      const ended = hasEnded() ? null : new Promise((resolve) => server.once('exit', resolve))
      signal(family(), 'SIGCONT')
      signal([server.pid], 'SIGINT') // "fast shutdown": ends its connections too
      await Promise.race([ended, sleep(5_000)])
      signal(family(), 'SIGKILL')
      await ended
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function findBinaries(): string {
  const found = installed()
  if (found !== null) return found
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    execFileSync('apt-get', ['update', '-q'], { stdio: 'ignore' })
    execFileSync('apt-get', ['install', '-y', '-q', 'postgresql'], {
      stdio: 'ignore',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
    const now = installed()
    if (now !== null) return now
  }
  throw new Error(
    'These tests need PostgreSQL: install it (Debian: apt-get install postgresql) or put its initdb and postgres on PATH.',
  )
}

function installed(): string | null {
  const base = '/usr/lib/postgresql'
  const versions = existsSync(base) ? readdirSync(base).sort((a, b) => Number(b) - Number(a)) : []
  const candidates = [...versions.map((version) => join(base, version, 'bin')), ...(process.env.PATH ?? '').split(':')]
  return candidates.find((dir) => existsSync(join(dir, 'initdb')) && existsSync(join(dir, 'postgres'))) ?? null
}

/** PostgreSQL refuses to run as root; null where this process is not root. */
function ownerOfServer(): { uid: number; gid: number } | null {
  if (userInfo().uid !== 0) return null
  const users = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find((line) => line.startsWith(`${name}:`))?.split(':') ?? []
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error('PostgreSQL does not run as root, and there is no user postgres or nobody to run it as.')
}

async function untilReady(url: string, server: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (server.exitCode !== null) throw new Error(`PostgreSQL ended at its start with code ${server.exitCode}.`)
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return
    } catch {
      await sleep(50)
    } finally {
      await client.end().catch(() => undefined)
    }
  }
  throw new Error('PostgreSQL did not come up within 10 s.')
}

export function childrenOf(pid: number): number[] {
  try {
    return execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
      .trim()
      .split(/\s+/)
      .filter(Boolean)
      .map(Number)
  } catch {
    return []
  }
}

function signal(pids: number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {
      // It has ended meanwhile.
    }
  }
}
