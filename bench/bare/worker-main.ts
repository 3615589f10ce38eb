// A process with a worker for the bare workflow and a database for its activity, as Weft has both in one process other
// than the clients'. The database is PGlite on disk, as Weft's is. Its parent tells it what to do over their channel:
// first the directory, then the server's address, at the end to count its rows; it ends when the channel closes.
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import { bundleWorkflowCode, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { createActivities } from './activities.ts'
import { BARE_TASK_QUEUE } from './names.ts'

const quiet = { log() {}, trace() {}, debug() {}, info() {}, warn: console.error, error: console.error }
Runtime.install({ shutdownSignals: [], logger: quiet, telemetryOptions: { logging: { filter: 'ERROR' } } })
process.on('disconnect', () => process.exit(0))
// A Ctrl-C reaches the whole group; the parent decides when this ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)

const given = once(process, 'message') as Promise<[{ address: string }]>
const workflowBundle = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('workflow.ts', import.meta.url)),
  logger: quiet,
})
const database = await PGlite.create({ dataDir: String(process.argv[2]) })
const activities = await createActivities(database)
const [{ address }] = await given
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address }),
  namespace: 'default',
  taskQueue: BARE_TASK_QUEUE,
  workflowBundle,
  activities,
  // As Weft's worker has it.
  maxConcurrentActivityTaskExecutions: 200,
})
process.on('message', () => {
  void database
    .query<{ rows: number }>('select count(*)::int as rows from results')
    .then(({ rows }) => process.send?.({ rows: rows[0]?.rows ?? 0 }))
})
process.send?.('ready')
await worker.run()
