import type { Client } from '@temporalio/client'
import proto from '@temporalio/proto'
import type { Execution } from './executions.ts'

const PAGE = 100

export type ResetOptions = {
  /** What operators read in its history. */
  reason: string
  /** A repeat with this id makes no second execution, as long as the first that it made is the latest. */
  request_id: string
  /** What else is to be changed with it, as the server's API words it. */
  operations?: object[]
}

/**
 * Begins an execution anew with its first task: what it was sent is given to it again, the thread is loaded from the
 * store whatever it was handed, with all its commands, and these keep apart what was applied and what was refused; so no
 * code replays its history. False where no task of it was ever done: there is nothing to begin anew. Throws what the engine throws.
 */
export async function resetToFirstTask(
  client: Client,
  workflowExecution: Execution,
  { reason, request_id, operations = [] }: ResetOptions,
): Promise<boolean> {
  const first = await firstTask(client, workflowExecution)
  if (first === null) return false
  const { namespace } = client.options
  const request = proto.temporal.api.workflowservice.v1.ResetWorkflowExecutionRequest.fromObject({
    ...{ namespace, workflowExecution, reason, requestId: request_id, workflowTaskFinishEventId: first },
    postResetOperations: operations,
  })
  await client.workflowService.resetWorkflowExecution(request)
  return true
}

/** The number of the event that ends an execution's first task; null where none has ended. */
async function firstTask(client: Client, execution: Execution): Promise<number | null> {
  let token: Uint8Array | undefined
  do {
    const page = await client.workflowService.getWorkflowExecutionHistory({
      ...{ namespace: client.options.namespace, execution, maximumPageSize: PAGE },
      ...(token === undefined ? {} : { nextPageToken: token }),
    })
    const event = page.history?.events?.find(({ workflowTaskCompletedEventAttributes: done }) => done != null)
    if (event !== undefined) return Number(event.eventId)
    token = page.nextPageToken !== null && page.nextPageToken.length > 0 ? page.nextPageToken : undefined
  } while (token !== undefined)
  return null
}
