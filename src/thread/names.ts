/** The task queue that workers poll and threads are started on. */
export const TASK_QUEUE = 'weft'
/** The workflow type, as `temporal workflow start --type` takes it. */
export const THREAD_WORKFLOW = 'thread'

const PART = /^[A-Za-z0-9_.-]{1,128}$/

/** The thread that a workflow id (`<tenant>/<thread id>`) names; null for one that no client could name again. */
export function threadOf(workflow_id: string): { tenant: string; thread_id: string } | null {
  const [tenant = '', thread_id = '', ...rest] = workflow_id.split('/')
  return rest.length === 0 && PART.test(tenant) && PART.test(thread_id) ? { tenant, thread_id } : null
}
