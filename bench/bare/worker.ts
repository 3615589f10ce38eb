import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export type BareWorker = {
  pid: number
  /** Resolves once the worker takes tasks of the server at this address. */
  serve(address: string): Promise<void>
  /** How many rows its activity has written. */
  rows(): Promise<number>
  stop(): Promise<void>
}

/** Starts the bare workflow's worker in a process of its own; it makes its bundle while the server still starts. */
export function startBareWorker(): BareWorker {
  const directory = mkdtempSync(join(tmpdir(), 'weft-bench-bare-'))
  const child = fork(fileURLToPath(new URL('worker-main.ts', import.meta.url)), [join(directory, 'postgres')], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // Its output must not mix with ours.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const ended = once(child, 'exit')
  const ask = async (message: object): Promise<unknown> => {
    const answered = once(child, 'message')
    child.send(message)
    const early = ended.then(() => Promise.reject(new Error('The worker of the bare workflow has ended.')))
    const [answer] = (await Promise.race([answered, early])) as [unknown]
    return answer
  }
  return {
    pid: child.pid ?? 0,
    serve: async (address) => void (await ask({ address })),
    rows: async () => ((await ask({ count: true })) as { rows: number }).rows,
    async stop() {
      // Nothing in it is worth an orderly end: its workflows vanish with the server.
      child.kill('SIGKILL')
      await ended
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
