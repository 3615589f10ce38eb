import {
  Worker,
  type ActivityInterceptorsFactory,
  type Logger,
  type NativeConnection,
  type WorkerDeploymentOptions,
} from '@temporalio/worker'
import type { ThreadActivities } from '../thread/ports.ts'
import { STICKY_TIMEOUT, TASK_QUEUE, type WorkerVersion } from './names.ts'
import { quietLogger } from './quiet-logger.ts'
import { useQuickThreads } from './quick-thread.ts'
import { bundleThreadWorkflow, PAYLOAD_CONVERTER } from './workflow-bundle.ts'

export type WorkerSettings = {
  connection: NativeConnection
  namespace: string
  activities: ThreadActivities
  identity: string
  /** How often a heartbeat really travels, and so how soon a cancel arrives without the live bus (ms). */
  heartbeat_throttle_ms: number
  /**
   * Errors of workflow code, and the engine's stack trace query, name frames, and the SDK logs each step of its work. It
   * makes workflow code half as fast again.
   */
  stack_traces?: boolean
  /** Which version of which deployment this is; null: versions are not told apart. */
  version?: WorkerVersion | null
  /** Other workflow code than this checkout's, in one piece. */
  workflow_code?: string
  /** Model steps and tools that run at once (200). */
  activity_slots?: number
  /** How long activities under way may go on once the worker is told to stop, before they are cancelled (ms; 2,000). */
  drain_ms?: number
  task_queue?: string
  /** Where traces are sent: sees each activity, and workflows hand trace contexts on. */
  tracing?: { activity: ActivityInterceptorsFactory }
}

/** A worker for threads and their activities. The caller runs it and shuts it down. */
export async function createWorker(settings: WorkerSettings): Promise<Worker> {
  const { connection, namespace, activities, identity, heartbeat_throttle_ms, tracing, stack_traces = false } = settings
  useQuickThreads()
  const worker = await Worker.create({
    connection,
    namespace,
    identity,
    activities,
    taskQueue: settings.task_queue ?? TASK_QUEUE,
    workflowBundle: {
      code: settings.workflow_code ?? (await bundleThreadWorkflow({ tracing: tracing !== undefined, stack_traces })),
    },
    ...(tracing === undefined ? {} : { interceptors: { activity: [tracing.activity] } }),
    ...(settings.version == null ? {} : { workerDeploymentOptions: deploymentOptions(settings.version) }),
    dataConverter: { payloadConverterPath: PAYLOAD_CONVERTER },
    maxHeartbeatThrottleInterval: heartbeat_throttle_ms,
    defaultHeartbeatThrottleInterval: heartbeat_throttle_ms,
    shutdownGraceTime: settings.drain_ms ?? 2_000,
    stickyQueueScheduleToStartTimeout: STICKY_TIMEOUT,
    maxConcurrentActivityTaskExecutions: settings.activity_slots ?? 200,
    maxConcurrentLocalActivityExecutions: 200,
  })
  if (!stack_traces) listenLess(worker)
  return worker
}

/** The SDK has no setting for it: the worker's own logger is where all the notes of its work go. */
function listenLess(worker: Worker): void {
  const { logger } = worker as unknown as { logger: Logger }
  Object.assign(worker, { logger: quietLogger(logger) })
}

/**
 * A thread stays with the version that it began on, and so is never replayed by other code; it comes to the newest one
 * with its next execution.
 */
function deploymentOptions({ deployment, build_id }: WorkerVersion): WorkerDeploymentOptions {
  const version = { deploymentName: deployment, buildId: build_id }
  return { version, useWorkerVersioning: true, defaultVersioningBehavior: 'PINNED' }
}
