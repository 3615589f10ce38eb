/** Entry of the workflow bundle: what a worker can run. */
export { reconcile, reconcileAll } from './reconcile.ts'
export { thread } from './thread.ts'
export { webhook } from './webhook.ts'
