import { isGrpcServiceError, WorkflowNotFoundError, type Client } from '@temporalio/client'

export type Execution = { workflowId: string; runId: string }

const PAGE = 100
const NOT_FOUND = 5

/** Executions that the server's visibility lists for a query, page by page. */
export async function* listExecutions(client: Client, query: string): AsyncGenerator<Execution> {
  let nextPageToken: Uint8Array | undefined
  do {
    const page = await client.workflowService.listWorkflowExecutions({
      namespace: client.options.namespace,
      query,
      pageSize: PAGE,
      ...(nextPageToken === undefined ? {} : { nextPageToken }),
    })
    for (const { execution } of page.executions ?? [])
      if (execution?.workflowId && execution.runId) yield { workflowId: execution.workflowId, runId: execution.runId }
    nextPageToken = page.nextPageToken !== null && page.nextPageToken.length > 0 ? page.nextPageToken : undefined
  } while (nextPageToken !== undefined)
}

/** Whether an error says that what was asked about is not there, or not any more. */
export function isAbsence(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError || (isGrpcServiceError(error) && Number(error.code) === NOT_FOUND)
}
