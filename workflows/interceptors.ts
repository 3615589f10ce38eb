import type { WorkflowInterceptorsFactory } from '@temporalio/workflow'

const RESERVED = '__temporal_'

/**
 * The SDK throws for a signal whose name it reserves when there is a default handler, and the task would fail for
 * ever. Under another name the signal comes to that handler and is refused like any that nobody knows.
 */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  internals: [
    {
      activate(input, next) {
        for (const { signalWorkflow } of input.activation.jobs ?? []) {
          if (signalWorkflow?.signalName?.startsWith(RESERVED) === true)
            signalWorkflow.signalName = `reserved:${signalWorkflow.signalName}`
        }
        next(input)
      },
    },
  ],
})
