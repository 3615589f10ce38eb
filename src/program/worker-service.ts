import type { ActivityInterceptorsFactory, NativeConnection, Worker } from '@temporalio/worker'
import type { WorkerVersion } from '../temporal/names.ts'
import type { ThreadActivities } from '../thread/ports.ts'
import { createWorker } from '../temporal/worker.ts'

export type WorkerService = {
  /** Rejects unless tasks are taken. */
  ping(): Promise<void>
  /** Stops taking tasks, gives those under way a moment, and waits. */
  drain(): Promise<void>
}

export type WorkerServiceOptions = {
  connection: NativeConnection
  namespace: string
  activities: ThreadActivities
  identity: string
  heartbeatThrottleMs: number
  stackTraces: boolean
  tracing?: { activity: ActivityInterceptorsFactory }
  version: WorkerVersion | null
  /** How long activities under way may go on when it is told to stop (ms). */
  drainMs: number
  /** The worker ended although nobody asked it to. */
  onFailure: (error: Error) => void
}

/** Creates the worker and lets it take tasks. */
export async function startWorker(options: WorkerServiceOptions): Promise<WorkerService> {
  const { heartbeatThrottleMs, stackTraces, drainMs, onFailure, ...settings } = options
  const worker = await createWorker({
    ...settings,
    heartbeat_throttle_ms: heartbeatThrottleMs,
    stack_traces: stackTraces,
    drain_ms: drainMs,
  })
  let draining = false
  const ended = worker.run().then(
    () => (draining ? undefined : onFailure(new Error('The worker stopped by itself.'))),
    (error: unknown) => (draining ? undefined : onFailure(new Error(`The worker failed: ${(error as Error).message}`))),
  )
  return {
    ping: () =>
      isRunning(worker) ? Promise.resolve() : Promise.reject(new Error(`The worker is ${worker.getState().toLowerCase()}.`)),
    async drain() {
      if (draining) return ended
      draining = true
      if (isRunning(worker)) worker.shutdown()
      await ended
    },
  }
}

function isRunning(worker: Worker): boolean {
  return worker.getState() === 'RUNNING'
}
