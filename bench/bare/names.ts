/** Apart from Weft's own, so that neither worker takes the other's tasks. */
export const BARE_TASK_QUEUE = 'bench-bare'
export const BARE_RUN = 'bareRun'
export const BARE_THREAD = 'bareThread'
export const BARE_UPDATE = 'submit'
