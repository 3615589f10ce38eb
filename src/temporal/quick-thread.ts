import { fileURLToPath } from 'node:url'
import workerThreads from 'node:worker_threads'

const SDK_THREAD = /[/\\]@temporalio[/\\]worker[/\\]lib[/\\]workflow[/\\]workflow-worker-thread\.js$/
const GUARDED = fileURLToPath(new URL('guarded-thread.ts', import.meta.url))

/**
 * The SDK guards each call into workflow code against an endless loop with a watchdog, which is a system thread that is
 * begun and ended: some thirty of them a run, about a tenth of what a run takes. With this, one watchdog guards the
 * calls of one activation together. To be called before a worker is created; what creates other threads is not touched.
 */
export function guardOncePerActivation(): void {
  const { Worker } = workerThreads
  if (Worker.name === 'GuardedWorker') return
  class GuardedWorker extends Worker {
    constructor(file: string | URL, options: workerThreads.WorkerOptions = {}) {
      if (SDK_THREAD.test(String(file))) super(GUARDED, { ...options, argv: [String(file)] })
      else super(file, options)
    }
  }
  workerThreads.Worker = GuardedWorker
}
