// A process with a worker for the bare workflow, as Weft's worker is in a process other than the clients'. It is told
// the server's address over the channel to its parent, and ends when that closes.
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import * as activities from './activities.ts'
import { BARE_TASK_QUEUE } from './names.ts'

const quiet = { log() {}, trace() {}, debug() {}, info() {}, warn: console.error, error: console.error }
Runtime.install({ shutdownSignals: [], logger: quiet, telemetryOptions: { logging: { filter: 'ERROR' } } })
process.on('disconnect', () => process.exit(0))
// A Ctrl-C reaches the whole group; the parent decides when this ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)

const address = new Promise<string>((resolve) => process.once('message', (message) => resolve(String(message))))
const workflowBundle = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('workflow.ts', import.meta.url)),
  logger: quiet,
})
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address: await address }),
  namespace: 'default',
  taskQueue: BARE_TASK_QUEUE,
  workflowBundle,
  activities,
  // As Weft's worker has it.
  maxConcurrentActivityTaskExecutions: 200,
})
process.send?.('ready')
await worker.run()
