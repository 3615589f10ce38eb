/** The task queue that workers poll and threads are started on. */
export const TASK_QUEUE = 'weft'
/** The workflow type, as `temporal workflow start --type` takes it. */
export const THREAD_WORKFLOW = 'thread'
