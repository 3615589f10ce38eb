import { ApplicationFailure, CancellationScope, workflowInfo } from '@temporalio/workflow'
import type { ThreadInput } from './loading.ts'
import { registerHandlers } from './messages.ts'
import { ThreadShell } from './shell.ts'

/**
 * One conversation, for as long as it lasts. The workflow's id says which: `<tenant>/<thread id>`. Everything else is
 * in the store, so a thread can be started from the command line with no input at all.
 */
export async function thread(input?: ThreadInput): Promise<void> {
  const { workflowId } = workflowInfo()
  const slash = workflowId.indexOf('/')
  if (slash < 1 || slash === workflowId.length - 1) {
    throw ApplicationFailure.nonRetryable(
      `A thread's workflow id reads <tenant>/<thread id>; "${workflowId}" does not.`,
      'invalid_workflow_id',
    )
  }
  const shell = new ThreadShell({ tenant: workflowId.slice(0, slash), thread_id: workflowId.slice(slash + 1) })
  registerHandlers(shell)
  // Cancelling the workflow interrupts the thread, as an operator who presses that button expects; it does not end it.
  CancellationScope.current().cancelRequested.catch(() => {
    shell.signal('interrupt', { queue: 'supersede' })
  })
  await CancellationScope.nonCancellable(() => shell.run(input ?? {}))
}
