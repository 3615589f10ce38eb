import { WorkflowService, type Connection } from '@temporalio/client'
import { native } from '@temporalio/core-bridge'
import type { NativeConnection } from '@temporalio/worker'
import { extractNativeClient } from '@temporalio/worker/lib/connection.js'

/**
 * Lets commands go out over the SDK's core, where gRPC is other threads' work: that is 4 of 25 ms of the main thread for
 * each run. Once each, as the gateway wants it (see `retriesOfCalls`), and until the call's deadline; everything else
 * goes on over grpc-js.
 *
 * For a server beside us only: a connection that the network has dropped without a word is noticed by the core after 30
 * to 45 s, and it has no setting for that.
 */
export function sendCommandsByCore({ workflowService, callContextStorage }: Connection, core: NativeConnection): void {
  const client = extractNativeClient(core)
  const service = WorkflowService.create(
    ({ name }, request, done) => {
      const { deadline } = callContextStorage.getStore() ?? {}
      const timeout = deadline === undefined ? null : Math.max(0, Number(deadline) - Date.now())
      const call = { rpc: name, req: Buffer.from(request), retry: false, metadata: {}, timeout }
      native.clientSendWorkflowServiceRequest(client, call).then(
        (answer) => done(null, answer),
        (error: Error & { details?: string }) => done(Object.assign(error, { details: error.details || error.message })),
      )
    },
    false,
    false,
  )
  type Request = Parameters<WorkflowService['executeMultiOperation']>[0]
  Object.assign(workflowService, { executeMultiOperation: (request: Request) => service.executeMultiOperation(request) })
}
