import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const RETRY_MS = 500
const REMIND_EVERY = 10
/** No work takes this long; the number of a process that died may belong to another one by now. */
const STALE_MS = 900_000

export type LockOptions = {
  /** Called when another process holds the lock, and again every few seconds. */
  waiting?: () => void
  signal?: AbortSignal
}

/**
 * Runs `work` while holding a lock file that names this process. A lock whose process is gone is broken. Rejects
 * with what `work` throws, or the signal's reason.
 */
export async function withFileLock<T>(path: string, { waiting, signal }: LockOptions, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true })
  for (let attempt = 0; !take(path); attempt++) {
    if (!holderLives(path)) {
      rmSync(path, { force: true })
      continue
    }
    if (attempt % REMIND_EVERY === 0) waiting?.()
    await sleep(RETRY_MS, undefined, { signal })
  }
  try {
    return await work()
  } finally {
    rmSync(path, { force: true })
  }
}

function take(path: string): boolean {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function holderLives(path: string): boolean {
  try {
    if (Date.now() - statSync(path).mtimeMs > STALE_MS) return false
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10)
    // Between creating the file and writing the number it is empty: its holder has only just begun.
    if (Number.isNaN(pid)) return true
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
