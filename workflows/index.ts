/** Entry of the workflow bundle: what a worker can run. */
export { thread } from './thread.ts'
export { webhook } from './webhook.ts'
