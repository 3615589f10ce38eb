import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Context } from '../part.ts'

export type BareReads = { pid: number; address: string }
export type List = { list: string; thread: string; items: unknown[] }

/** Starts the bare service on a directory of its own, filled with these lists and so many copies; it ends with the part. */
export async function startBareReads(context: Context, lists: List[], copies: number): Promise<BareReads> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-bench-reads-'))
  const child = fork(fileURLToPath(new URL('reads-main.ts', import.meta.url)), [join(directory, 'postgres')], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // As Weft's process runs under the program's own settings, Express must not run in its slower development mode.
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const ended = once(child, 'exit')
  context.atEnd(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  })
  const answered = once(child, 'message') as Promise<[{ address: string }]>
  child.send({ lists, copies })
  const early = ended.then(() => Promise.reject(new Error('The bare service has ended.')))
  const [{ address }] = await Promise.race([answered, early])
  return { pid: child.pid ?? 0, address }
}
