import type { Client } from '@temporalio/client'
import { isAbsence, listExecutions, type Execution } from './executions.ts'
import { TASK_QUEUE, type WorkerVersion } from './names.ts'
import { resetToFirstTask } from './reset.ts'

export type MoveOptions = {
  task_queue?: string
  stopped?: () => boolean
  /** A version none of whose workers has asked for work for so long has none (ms). Workers ask at least every minute. */
  silence_ms?: number
}

const SILENCE_MS = 150_000
/** Moved in one go; the next look takes the rest. */
const AT_MOST = 500
const WORKFLOW_TASK_QUEUE = 1
const AUTO_UPGRADE = 2

/**
 * Brings workflows of this deployment whose version has no worker any more to the current version, each with a reset to
 * its first task: no other code replays its history. Returns how many were moved. Throws what the engine throws.
 */
export async function moveStranded(client: Client, version: WorkerVersion, options: MoveOptions = {}): Promise<number> {
  const { task_queue = TASK_QUEUE, stopped = () => false, silence_ms = SILENCE_MS } = options
  let failed: unknown
  const attempt = async (work: () => Promise<unknown>): Promise<boolean> => {
    // One that cannot be moved must not keep the others where they are.
    try {
      await work()
      return true
    } catch (error) {
      // What has ended meanwhile is no failure.
      if (!isAbsence(error)) failed ??= error
      return false
    }
  }
  await settleMoved(client, version, task_queue, attempt)
  const attended = await attendedBuilds(client, version.deployment, task_queue, silence_ms)
  // Without a worker of the current version a moved workflow would wait just as it does now.
  if (!attended.has((await currentBuild(client, version.deployment)) ?? '')) return 0
  const others = [...attended].map((build) => `AND TemporalWorkerDeploymentVersion != '${version.deployment}:${build}'`)
  let moved = 0
  for (const execution of await running(client, version, task_queue, `'Pinned' ${others.join(' ')}`)) {
    if (stopped()) break
    if (await attempt(() => move(client, execution))) moved += 1
  }
  if (failed !== undefined && moved === 0) throw failed as Error
  return moved
}

/** A reset to the first task, on whatever version is the current one. */
async function move(client: Client, workflowExecution: Execution): Promise<void> {
  const moved = await resetToFirstTask(client, workflowExecution, {
    reason: 'The version of its worker is gone.',
    request_id: `move-${workflowExecution.runId}`,
    operations: [
      {
        updateWorkflowOptions: {
          workflowExecutionOptions: { versioningOverride: { autoUpgrade: true, behavior: AUTO_UPGRADE } },
          updateMask: { paths: ['versioning_override'] },
        },
      },
    ],
  })
  // What has never run has nothing to replay.
  if (!moved) await override(client, workflowExecution, { autoUpgrade: true, behavior: AUTO_UPGRADE })
}

/** Sets what decides on an execution's version instead of its worker; null: its worker decides. */
async function override(
  client: Client,
  workflowExecution: Execution,
  versioningOverride: { autoUpgrade: true; behavior: typeof AUTO_UPGRADE } | null,
): Promise<void> {
  await client.workflowService.updateWorkflowExecutionOptions({
    namespace: client.options.namespace,
    workflowExecution,
    workflowExecutionOptions: versioningOverride === null ? {} : { versioningOverride },
    updateMask: { paths: ['versioning_override'] },
  })
}

/** What was moved has begun on another version: from here on it stays there, as everything does. */
async function settleMoved(
  client: Client,
  version: WorkerVersion,
  task_queue: string,
  attempt: (work: () => Promise<unknown>) => Promise<boolean>,
): Promise<void> {
  for (const execution of await running(client, version, task_queue, `'AutoUpgrade'`)) {
    await attempt(() => override(client, execution, null))
  }
}

/** Builds of the deployment that have a worker. */
async function attendedBuilds(client: Client, deployment: string, task_queue: string, silence_ms: number): Promise<Set<string>> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: task_queue },
    taskQueueType: WORKFLOW_TASK_QUEUE,
  })
  const since = Date.now() - silence_ms
  const attended = (pollers ?? []).filter(
    ({ deploymentOptions, lastAccessTime }) =>
      deploymentOptions?.deploymentName === deployment && Number(lastAccessTime?.seconds ?? 0) * 1_000 >= since,
  )
  return new Set(attended.map(({ deploymentOptions }) => deploymentOptions?.buildId ?? ''))
}

/** The build that new workflows begin on; null while none was made the current one. */
async function currentBuild(client: Client, deploymentName: string): Promise<string | null> {
  const { workerDeploymentInfo } = await client.workflowService.describeWorkerDeployment({
    namespace: client.options.namespace,
    deploymentName,
  })
  return workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId ?? null
}

/** Workflows of the deployment that run and behave so, not more than are dealt with in one go: what is done changes the list. */
async function running(
  client: Client,
  { deployment }: WorkerVersion,
  task_queue: string,
  behaviour: string,
): Promise<Execution[]> {
  const query = `ExecutionStatus = 'Running' AND TaskQueue = '${task_queue}' AND TemporalWorkerDeployment = '${deployment}' AND TemporalWorkflowVersioningBehavior = ${behaviour}`
  const found: Execution[] = []
  for await (const execution of listExecutions(client, query)) if (found.push(execution) >= AT_MOST) break
  return found
}
