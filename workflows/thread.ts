import { ApplicationFailure, CancellationScope, workflowInfo } from '@temporalio/workflow'
import { threadOf } from '../src/thread/names.ts'
import type { ThreadInput } from '../src/thread/begin.ts'
import { registerHandlers } from './messages.ts'
import { ThreadShell } from './shell.ts'

/**
 * One conversation, for as long as it lasts. The workflow's id says which: `<tenant>/<thread id>`. Everything else is
 * in the store, so a thread can be started from the command line with no input at all.
 */
export async function thread(input?: ThreadInput): Promise<void> {
  const { workflowId } = workflowInfo()
  const ref = threadOf(workflowId)
  if (ref === null) {
    const text = `A thread's workflow id reads <tenant>/<thread id>, each 1 to 128 letters, digits, "-", "_" or "."; "${workflowId}" does not.`
    throw ApplicationFailure.nonRetryable(text, 'invalid_workflow_id')
  }
  const shell = new ThreadShell(ref)
  registerHandlers(shell)
  // Cancelling the workflow interrupts the thread, as an operator who presses that button expects; it does not end it.
  CancellationScope.current().cancelRequested.catch(() => {
    void shell.signal('interrupt', { queue: 'supersede' })
  })
  await CancellationScope.nonCancellable(() => shell.run(input ?? {}))
}
