import type { Client } from '@temporalio/client'
import proto from '@temporalio/proto'
import { isAbsence, type Execution } from './executions.ts'
import { WAKE } from './names.ts'
import { resetToFirstTask } from './reset.ts'

const { WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR: DOES_NOT_REPLAY } =
  proto.temporal.api.enums.v1.WorkflowTaskFailedCause
const { WORKFLOW_EXECUTION_STATUS_RUNNING: RUNNING } = proto.temporal.api.enums.v1.WorkflowExecutionStatus
/** The end of a history in which its last task stands that was done or that failed, though signals came after it. */
const LAST_EVENTS = 100
/** From this try on a task that only runs out of time may be one that does not replay. */
const SILENT_TRIES = 3
const NUDGE_EVERY_MS = 60_000

/** A workflow task that waits or is being done, and which try of it that is. */
export type Task = { execution: Execution; attempt: number }

/** `task` is null where none is open. Nobody has to replay anything for that. Throws what the engine throws. */
export async function lookAt(client: Client, workflowId: string): Promise<{ running: boolean; task: Task | null }> {
  try {
    const { workflowExecutionInfo, pendingWorkflowTask } = await client.workflowService.describeWorkflowExecution({
      namespace: client.options.namespace,
      execution: { workflowId },
    })
    const running = workflowExecutionInfo?.status === RUNNING
    const runId = workflowExecutionInfo?.execution?.runId
    if (!running || pendingWorkflowTask == null || !runId) return { running, task: null }
    return { running, task: { execution: { workflowId, runId }, attempt: pendingWorkflowTask.attempt ?? 1 } }
  } catch (error) {
    if (isAbsence(error)) return { running: false, task: null }
    throw error
  }
}

/** Whether a workflow runs, and whether it has a task just now; one that is stuck in that is freed. Throws what looking throws. */
export async function lookAfter(client: Client, workflowId: string): Promise<{ running: boolean; busy: boolean }> {
  const { running, task } = await lookAt(client, workflowId)
  // One that cannot be freed must not keep whoever looks from the others.
  if (task !== null) await freeIfStuck(client, task).catch(() => undefined)
  return { running, busy: task !== null }
}

/** Threads that are being looked after here: many commands may wait for one. */
const under_way = new Set<string>()

/**
 * Frees a thread whose history does not replay, which no later try would change: it begins anew from the store. Known
 * to come about where a query comes in while a task waits for a local activity: the engine's SDK can then hear of
 * them in another order than in a replay. Throws what the engine throws.
 *
 * A worker says so of a task's first try alone. Where that one was lost with its worker, later ones only run out of
 * time; a signal makes the next try a first one, so the next look knows.
 */
async function freeIfStuck(client: Client, { execution, attempt }: Task): Promise<void> {
  const { workflowId, runId } = execution
  if (attempt < 2 || under_way.has(runId)) return
  under_way.add(runId)
  try {
    const last = await lastTask(client, execution)
    if (last === 'timed out' && attempt >= SILENT_TRIES) await nudge(client, execution)
    if (last !== 'does not replay') return
    // Somebody else may have freed it meanwhile, and what has come in since must not be thrown away.
    if ((await lookAt(client, workflowId)).task?.execution.runId !== runId) return
    await resetToFirstTask(client, execution, {
      reason: 'Its history does not replay; the thread is loaded from the store.',
      request_id: `free-${runId}`,
    })
  } finally {
    under_way.delete(runId)
  }
}

/** When each was nudged here. A first try has the least time, so on a busy machine no thread must be nudged all the time. */
const nudged = new Map<string, number>()

async function nudge(client: Client, { workflowId, runId }: Execution): Promise<void> {
  const now = Date.now()
  for (const [id, at] of nudged) if (now - at >= NUDGE_EVERY_MS) nudged.delete(id)
  if (nudged.has(runId)) return
  nudged.set(runId, now)
  await client.workflow.getHandle(workflowId, runId).signal(WAKE, {})
}

async function lastTask(client: Client, execution: Execution): Promise<'does not replay' | 'timed out' | 'other'> {
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution,
    maximumPageSize: LAST_EVENTS,
  })
  const last = history?.events?.find(
    (event) =>
      event.workflowTaskFailedEventAttributes != null ||
      event.workflowTaskTimedOutEventAttributes != null ||
      event.workflowTaskCompletedEventAttributes != null,
  )
  if (last?.workflowTaskTimedOutEventAttributes != null) return 'timed out'
  return last?.workflowTaskFailedEventAttributes?.cause === DOES_NOT_REPLAY ? 'does not replay' : 'other'
}
