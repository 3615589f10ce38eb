import type { ThreadRef } from '../thread/ports.ts'

/** The task queue that workers poll and threads are started on. */
export const TASK_QUEUE = 'weft'
/** The workflow type, as `temporal workflow start --type` takes it. */
export const THREAD_WORKFLOW = 'thread'
/** The signal and update that only loads a thread and lets it go on. */
export const WAKE = 'wake'

/** A thread's workflow id; a tenant's name has no slash, so it can be split again. */
export function workflowIdOf(ref: ThreadRef): string {
  return `${ref.tenant}/${ref.thread_id}`
}
