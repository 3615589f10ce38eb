import type { Client } from '@temporalio/client'
import proto from '@temporalio/proto'
import { isAbsence, type Execution } from './executions.ts'
import { resetToFirstTask } from './reset.ts'

const { WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR: DOES_NOT_REPLAY } =
  proto.temporal.api.enums.v1.WorkflowTaskFailedCause
/** The end of a history in which its last task stands that was done or that failed, though signals came after it. */
const LAST_EVENTS = 100

/** A workflow whose task waits or is being done: its execution, and whether it is not the first try. */
export type Task = { execution: Execution; again: boolean }

/** Null where no task is open, and where there is no workflow. Nobody has to replay anything for that. */
export async function openTask(client: Client, workflowId: string): Promise<Task | null> {
  try {
    const { workflowExecutionInfo, pendingWorkflowTask } = await client.workflowService.describeWorkflowExecution({
      namespace: client.options.namespace,
      execution: { workflowId },
    })
    const runId = workflowExecutionInfo?.execution?.runId
    if (pendingWorkflowTask == null || !runId) return null
    return { execution: { workflowId, runId }, again: (pendingWorkflowTask.attempt ?? 1) > 1 }
  } catch (error) {
    if (isAbsence(error)) return null
    throw error
  }
}

/**
 * Frees a thread whose history does not replay, which no later try would change: it begins anew from the store. Known
 * to come about where a query comes in while a task waits for a local activity: the engine's SDK can then hear of
 * them in another order than in a replay. True if it was stuck. Throws what the engine throws.
 */
export async function freeIfStuck(client: Client, { execution, again }: Task): Promise<boolean> {
  if (!again || !(await lastTaskDidNotReplay(client, execution))) return false
  return resetToFirstTask(client, execution, {
    reason: 'Its history does not replay; the thread is loaded from the store.',
    request_id: `free-${execution.runId}`,
  })
}

async function lastTaskDidNotReplay(client: Client, execution: Execution): Promise<boolean> {
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution,
    maximumPageSize: LAST_EVENTS,
  })
  // Only a first try that fails stands in the history, later ones run out of time.
  const last = history?.events?.find(
    ({ workflowTaskFailedEventAttributes: failed, workflowTaskCompletedEventAttributes: done }) => failed != null || done != null,
  )
  return last?.workflowTaskFailedEventAttributes?.cause === DOES_NOT_REPLAY
}
