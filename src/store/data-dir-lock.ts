import { createHash, randomUUID } from 'node:crypto'
import { mkdir, realpath, rm, stat } from 'node:fs/promises'
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

/**
 * Takes a directory for this process until `release` or its death, by a bound local socket in it that answers with
 * the holder's pid. A socket file that nobody listens on is what a crash left, and is taken over. `name` tells locks
 * of one directory apart. Throws `DataDirInUse`.
 */
export async function lockDataDir(dir: string, name = 'weft'): Promise<{ release(): Promise<void> }> {
  await mkdir(dir, { recursive: true })
  const path = socketPath(await realpath(dir), name)
  const token = `${process.pid} ${randomUUID()}`
  for (let attempt = 0; attempt < 3; attempt++) {
    const server = await listen(path, token)
    if (server !== null) {
      // After a takeover: one who found the same stale file may have put its own socket in place of ours meanwhile.
      if (attempt > 0) await sleep(50)
      const holder = attempt > 0 ? await ask(path) : token
      if (holder !== token) {
        server.close()
        throw new DataDirInUse(dir, pidOf(holder))
      }
      return { release: () => new Promise((resolve) => server.close(() => resolve())) }
    }
    const before = await inode(path)
    const holder = await ask(path)
    if (holder !== null) throw new DataDirInUse(dir, pidOf(holder))
    if (before !== null && before === (await inode(path))) await rm(path, { force: true })
  }
  throw new DataDirInUse(dir, null)
}

function socketPath(dir: string, name: string): string {
  const digest = createHash('sha256').update(dir).digest('hex').slice(0, 24)
  if (process.platform === 'win32') return `\\\\.\\pipe\\weft-${name}-${digest}`
  const path = join(dir, `${name}.sock`)
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH ? path : join(tmpdir(), `weft-${name}-${digest}.sock`)
}

/** Null when the path is taken, by a living process or by a file that is left over. */
function listen(path: string, token: string): Promise<Server | null> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.end(token)
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

async function inode(path: string): Promise<string | null> {
  try {
    const { ino, ctimeMs } = await stat(path)
    return `${ino}/${ctimeMs}`
  } catch {
    return null
  }
}
