// The program in one process, every port of which may be the place where it dies. Its parent says where.
import { createServer } from 'node:http'
import { Client, Connection } from '@temporalio/client'
import { NativeConnection } from '@temporalio/worker'
import { createActivities } from '../../../activities/index.ts'
import { checkConfig } from '../../../src/agent/check-config.ts'
import { defaultConfig } from '../../../src/agent/default-config.ts'
import { NO_PROVIDERS } from '../../../src/agent/providers.ts'
import { createRegistry } from '../../../src/agent/registry.ts'
import { createHttpApp } from '../../../src/http/app.ts'
import { createInProcessBus } from '../../../src/live/in-process.ts'
import { openDatabase } from '../../../src/store/database.ts'
import { storeOn } from '../../../src/store/index.ts'
import { createGateway } from '../../../src/temporal/client-gateway.ts'
import { createThreadWorkflows } from '../../../src/temporal/thread-workflows.ts'
import { retriesOfCalls } from '../../../src/temporal/retries.ts'
import { createWorker } from '../../../src/temporal/worker.ts'
import { argumentsCheck } from '../../../src/program/agents.ts'
import type { ThreadSettings } from '../../../src/thread/state.ts'
import { Points, type KillPoint } from './points.ts'
import { portsOf } from './ports.ts'

export type KillableSettings = {
  database_url: string
  temporal: string
  task_queue: string
  port: number
  thread: string
  armed: KillPoint | null
  file: string
}

const given = JSON.parse(process.argv[2] ?? '{}') as KillableSettings
const { database_url, temporal: address, task_queue } = given
const points = new Points(given)
process.on('disconnect', () => process.exit(0))

const database = points.wrap('database', await openDatabase({ database_url, timeout_ms: 900, pool_size: 10 }))
const plain = storeOn(database)
await plain.migrate()
const store = {
  ...plain,
  engine: points.wrap('engine', plain.engine),
  threads: points.wrap('threads', plain.threads),
  conversation: points.wrap('conversation', plain.conversation),
}
const bus = points.wrap('bus', createInProcessBus())
const connection = await Connection.connect({ address, interceptors: retriesOfCalls() })
const client = new Client({ connection })
const gateway = points.wrap('gateway', createGateway({ client, timeout_ms: 5_000, task_queue }))
const agents = await createRegistry(checkConfig(defaultConfig, 'test'), NO_PROVIDERS)
const settings: ThreadSettings = {
  idle_close_ms: 600_000,
  continue_as_new_every: 0,
  search_attributes: true,
  heartbeat_timeout_ms: 2_000,
  cli: 'temporal',
}
const quiet = { debug() {}, warn() {}, error: (facts: object, message: string) => console.error(message, facts) }
const { loadThread, persist, runModelStep, runTool, ...rest } = createActivities({
  ...{ store, bus, agents, settings, worker_id: task_queue, logger: quiet },
  threads: createThreadWorkflows(client, task_queue),
  retention_ms: null,
})
const activities = points.wrap('activities', { loadThread, persist, runModelStep, runTool })
const worker = await createWorker({
  connection: await NativeConnection.connect({ address }),
  namespace: 'default',
  // The worker takes own properties only.
  activities: {
    loadThread: (input) => activities.loadThread(input),
    persist: (batch) => activities.persist(batch),
    runModelStep: (input) => activities.runModelStep(input),
    runTool: (input) => activities.runTool(input),
    ...rest,
  },
  identity: task_queue,
  heartbeat_throttle_ms: 200,
  task_queue,
})
void worker.run()
const { app } = createHttpApp({
  store,
  gateway,
  bus,
  agents: () => agents.list(),
  checkArguments: argumentsCheck(agents),
  log: quiet,
})
const server = createServer((req, res) => points.about(req.url ?? '', () => app(req, res)))
server.listen(given.port, '127.0.0.1', () => {
  process.send?.({ ready: true, declared: portsOf({ database, bus, gateway, activities, ...store }) })
})
