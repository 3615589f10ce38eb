import type { ThreadRef } from '../thread/ports.ts'

export { TASK_QUEUE, THREAD_WORKFLOW } from '../thread/names.ts'

/** One version of the code: a deployment and a build of it. */
export type WorkerVersion = { deployment: string; build_id: string }

/** What the schedule starts: one repair for each tenant. */
export const RECONCILE_WORKFLOW = 'reconcileAll'
export const RECONCILE_SCHEDULE = 'weft-reconcile'
/** What the server takes of a fairness key. */
const FAIRNESS_KEY_CHARACTERS = 64
/**
 * How every thread is started. A task that died with its worker is given out again after `workflowTaskTimeout`, and
 * until then every command on its thread waits; the longest that a task takes by itself is a second of local activity.
 */
export function startOptions(ref: ThreadRef, taskQueue: string) {
  return {
    workflowId: workflowIdOf(ref),
    taskQueue,
    workflowTaskTimeout: '4s',
    staticSummary: `Thread ${ref.thread_id}`,
    // Of its activities and later executions too: a tenant's backlog must not stand in another's way.
    priority: { fairnessKey: ref.tenant.slice(0, FAIRNESS_KEY_CHARACTERS) },
  } as const
}
/** A task waits so long for the worker that knows its thread, before any worker may have it. */
export const STICKY_TIMEOUT = '1500ms'
/** The signal and update that only loads a thread and lets it go on. */
export const WAKE = 'wake'

/** A thread's workflow id; a tenant's name has no slash, so it can be split again. */
export function workflowIdOf(ref: ThreadRef): string {
  return `${ref.tenant}/${ref.thread_id}`
}
