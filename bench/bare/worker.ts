import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export type BareWorker = {
  pid: number
  /** Resolves once the worker takes tasks of the server at this address. */
  serve(address: string): Promise<void>
  stop(): Promise<void>
}

/** Starts the bare workflow's worker in a process of its own; it makes its bundle while the server still starts. */
export function startBareWorker(): BareWorker {
  const child = fork(fileURLToPath(new URL('worker-main.ts', import.meta.url)), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // Its output must not mix with ours.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const ended = once(child, 'exit')
  return {
    pid: child.pid ?? 0,
    async serve(address) {
      const ready = once(child, 'message')
      child.send(address)
      const early = ended.then(() => Promise.reject(new Error('The worker of the bare workflow ended before it was ready.')))
      await Promise.race([ready, early])
    },
    async stop() {
      // Nothing in it is worth an orderly end: its workflows vanish with the server.
      child.kill('SIGKILL')
      await ended
    },
  }
}
