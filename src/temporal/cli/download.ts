import { fork } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { worksAsCli } from './search-path.ts'

const FIRST_BYTE_WAIT_MS = 8_000
const STALL_MS = 20_000
const POLL_MS = 500
const PROGRESS_MS = 5_000
const MEGABYTE = 1_000_000

export type Obtain = { target: string; report: (sentence: string) => void; signal?: AbortSignal | undefined }

/**
 * Downloads the CLI to `target` by the SDK's own means, and says whether that worked. A machine without internet is
 * found out within seconds. The SDK's downloader runs in a child of its own, because it can be neither interrupted
 * nor told not to start a server.
 */
export async function downloadCli({ target, report, signal }: Obtain): Promise<boolean> {
  mkdirSync(dirname(target), { recursive: true })
  const directory = mkdtempSync(join(dirname(target), '.download-'))
  try {
    await runDownloader(directory, report, signal)
    for (const file of readdirSync(directory).filter((name) => !name.endsWith('.downloading'))) {
      const path = join(directory, file)
      chmodSync(path, 0o755)
      if (!(await worksAsCli(path))) continue
      renameSync(path, target)
      return true
    }
    return false
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Resolves when the downloader has ended, however it did. */
function runDownloader(directory: string, report: (sentence: string) => void, signal: AbortSignal | undefined): Promise<void> {
  const child = fork(fileURLToPath(new URL('./download-child.ts', import.meta.url)), [directory], {
    stdio: 'ignore',
    execArgv: [],
  })
  return new Promise((resolve) => {
    let bytes = 0
    let moved = Date.now()
    let reported = Date.now()
    const watch = setInterval(() => {
      const now = Date.now()
      const size = downloaded(directory)
      if (size > bytes) moved = now
      bytes = size
      if (now - moved > (bytes === 0 ? FIRST_BYTE_WAIT_MS : STALL_MS) || signal?.aborted === true) child.kill('SIGKILL')
      if (bytes === 0 || now - reported < PROGRESS_MS) return
      reported = now
      report(`Downloading the Temporal CLI: ${Math.round(bytes / MEGABYTE)} MB so far.`)
    }, POLL_MS)
    const done = () => {
      clearInterval(watch)
      resolve()
    }
    child.once('error', done)
    child.once('exit', done)
  })
}

function downloaded(directory: string): number {
  const sizes = readdirSync(directory).map(
    (name) => statSync(join(directory, basename(name)), { throwIfNoEntry: false })?.size ?? 0,
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
