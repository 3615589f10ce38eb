import type { Client } from '@temporalio/client'
import type { ThreadRef } from '../thread/ports.ts'
import type { Store } from '../store/store.ts'
import { isAbsence, listExecutions } from './executions.ts'
import { workflowIdOf } from './names.ts'

/**
 * Deletes every execution of a thread's workflow with its history, in which the text of commands stands, and ends the
 * one that runs. Resolves with how many there were. The server deletes later (about 20 s on the embedded one), and what
 * it has just begun it lists later too: only a call that finds none says that none is left.
 */
export async function forgetExecutions(client: Client, ref: ThreadRef): Promise<number> {
  const workflowId = workflowIdOf(ref)
  const runs = await executionsOf(client, workflowId)
  // In order: whoever deletes one of a chain still needs the others' names.
  for (const runId of runs) {
    await ignoringAbsence(() =>
      client.workflowService.deleteWorkflowExecution({
        namespace: client.options.namespace,
        workflowExecution: { workflowId, runId },
      }),
    )
  }
  return runs.size
}

/** Those that the server lists, the one that it would send a signal to, and those that handed over to any of them. */
async function executionsOf(client: Client, workflowId: string): Promise<Set<string>> {
  const runs = new Set<string>()
  const latest = await ignoringAbsence(() => client.workflow.getHandle(workflowId).describe())
  if (latest !== null) runs.add(latest.runId)
  for await (const { runId } of listExecutions(client, `WorkflowId = '${workflowId}'`)) runs.add(runId)
  for (const runId of runs) {
    const before = await ignoringAbsence(() => predecessor(client, workflowId, runId))
    // A set goes on to what is added while it is walked through.
    if (before !== null) runs.add(before)
  }
  return runs
}

async function predecessor(client: Client, workflowId: string, runId: string): Promise<string | null> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  })
  return history?.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || null
}

async function ignoringAbsence<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (isAbsence(error)) return null
    throw error
  }
}

/** Threads that are looked at in one go. */
const AT_ONCE = 50
/** A start that was under way when its thread was deleted may come so late: the SDK's core sends it for ten seconds (ms). */
const LATE_START_MS = 15_000

/**
 * Sees to it that the engine forgets deleted threads, also where it was away when they were deleted. Returns how many
 * it has forgotten for good, which it says of none that was deleted within `late_ms`. Throws what store and engine throw.
 */
export async function forgetDeleted(
  store: Store,
  client: Client,
  stopped: () => boolean,
  late_ms = LATE_START_MS,
): Promise<number> {
  let forgotten = 0
  for (const { deleted_at, ...ref } of await store.threads.listUnforgotten(AT_ONCE)) {
    if (stopped()) break
    if ((await forgetExecutions(client, ref)) > 0 || Date.now() - deleted_at < late_ms) continue
    await store.threads.markForgotten(ref)
    forgotten += 1
  }
  return forgotten
}
