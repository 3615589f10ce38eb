import {
  isGrpcServiceError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client'
import { ApplicationFailure } from '@temporalio/common'

/** gRPC's status codes that we tell apart. */
const status = {
  CANCELLED: 1,
  UNKNOWN: 2,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const

/**
 * Whether an error leaves it open what became of a command, so that it is sent again with its id. Around a thread's
 * closing and its hand-over to a new execution the server answers so for updates that it has applied, and for some
 * that it has not; the thread's ledger makes the difference harmless.
 */
export function ambiguity(error: unknown): boolean {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || error instanceof WorkflowNotFoundError) return true
  if (error instanceof WorkflowUpdateFailedError) return closedUnderway(error)
  const service = grpcError(error)
  if (service === null) return false
  switch (service.code) {
    case status.UNAVAILABLE:
    case status.RESOURCE_EXHAUSTED:
    case status.DEADLINE_EXCEEDED:
    case status.CANCELLED:
    case status.ABORTED:
    // A server that dies or whose database is busy: what the call did by then is as open as after no answer.
    case status.UNKNOWN:
    case status.INTERNAL:
    // The execution that took the update has closed in between: the next send starts or finds its successor.
    case status.NOT_FOUND:
    // A workflow task failed under the update: mostly one that was to hand over while a signal came in. Under load several
    // fail in a row, and nothing is wrong with the command.
    case status.FAILED_PRECONDITION:
      return true
    default:
      return false
  }
}

/** The execution closed while the update was in it; the next one has the ledger. */
function closedUnderway(error: WorkflowUpdateFailedError): boolean {
  return error.cause instanceof ApplicationFailure && error.cause.type === 'AcceptedUpdateCompletedWorkflow'
}

function grpcError(error: unknown): { code: number } | null {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (isGrpcServiceError(cause)) return { code: cause.code }
  }
  return null
}
