import { createHash } from 'node:crypto'
import { mkdir, realpath, rm, rmdir, stat } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Another living process holds the directory; `message` is one sentence, `pid` that process if it told. */
export class DataDirInUse extends Error {
  override readonly name = 'DataDirInUse'
  readonly pid: number | null
  constructor(dir: string, pid: number | null) {
    super(
      `The data directory ${dir} is in use by another Weft process${pid === null ? '' : ` (pid ${pid})`}: stop it, or choose another directory.`,
    )
    this.pid = pid
  }
}

/** Bytes that a socket's path may have; Linux takes 107, macOS 103. */
const MAX_SOCKET_PATH = 100
const ANSWER_MS = 1_000
const ATTEMPTS = 60
const PAUSE_MS = 50
const STALE_TURN_MS = 2_000

/**
 * Takes a directory for this process until `release` or its death, by a bound local socket in it that answers with
 * the holder's pid. A socket file that nobody listens on is what a crash left, and is taken over. `name` tells locks
 * of one directory apart. Throws `DataDirInUse`.
 */
export async function lockDataDir(dir: string, name = 'weft'): Promise<{ release(): Promise<void> }> {
  await mkdir(dir, { recursive: true })
  const path = socketPath(await realpath(dir), name)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const server = await listen(path, String(process.pid))
    if (server !== null) return { release: () => new Promise((resolve) => server.close(() => resolve())) }
    const holder = await ask(path)
    if (holder !== null) throw new DataDirInUse(dir, pidOf(holder))
    if (!(await removeLeftover(path))) await sleep(PAUSE_MS)
  }
  throw new DataDirInUse(dir, null)
}

/**
 * Removes a socket file that nobody listens on. One process at a time looks and removes, or it could remove the socket
 * that another has just put in place of the leftover; binding a path is exclusive by itself. False: not our turn.
 */
async function removeLeftover(path: string): Promise<boolean> {
  const turn = `${path}.takeover`
  try {
    await mkdir(turn)
  } catch {
    const { mtimeMs } = await stat(turn).catch(() => ({ mtimeMs: Date.now() }))
    if (Date.now() - mtimeMs > STALE_TURN_MS) await rmdir(turn).catch(() => undefined) // its process died in between
    return false
  }
  try {
    if ((await ask(path)) === null) await rm(path, { force: true })
    return true
  } finally {
    await rmdir(turn).catch(() => undefined)
  }
}

function socketPath(dir: string, name: string): string {
  const digest = createHash('sha256').update(dir).digest('hex').slice(0, 24)
  if (process.platform === 'win32') return `\\\\.\\pipe\\weft-${name}-${digest}`
  const path = join(dir, `${name}.sock`)
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH ? path : join(tmpdir(), `weft-${name}-${digest}.sock`)
}

/** Null when the path is taken, by a living process or by a file that is left over. */
function listen(path: string, answer: string): Promise<Server | null> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.end(answer)
  })
  server.unref()
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(null) : reject(error)))
    server.listen(path, () => resolve(server))
  })
}

/** What the holder says: empty when it lives but does not answer in time; null when nobody listens. */
function ask(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect(path)
    socket.setTimeout(ANSWER_MS, () => {
      resolve(answer)
      socket.destroy()
    })
    socket.on('data', (chunk) => (answer += chunk.toString()))
    socket.on('end', () => resolve(answer))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'ECONNREFUSED' || error.code === 'ENOENT' ? null : answer),
    )
  })
}

function pidOf(holder: string | null): number | null {
  const pid = Number.parseInt(holder ?? '', 10)
  return Number.isInteger(pid) ? pid : null
}
