// The program in one process, every port of which may be the place where it dies. Its parent says where.
import { createServer } from 'node:http'
import { Client, Connection } from '@temporalio/client'
import { NativeConnection } from '@temporalio/worker'
import { createWebhookActivities } from '../../../activities/deliver-webhooks.ts'
import { beginStepsAhead, beginThread, createActivities, StepsAhead, type ActivityDeps } from '../../../activities/index.ts'
import { checkConfig } from '../../../src/agent/check-config.ts'
import { defaultConfig } from '../../../src/agent/default-config.ts'
import { NO_PROVIDERS } from '../../../src/agent/providers.ts'
import { createRegistry } from '../../../src/agent/registry.ts'
import { createHttpApp } from '../../../src/http/app.ts'
import { createInProcessBus } from '../../../src/live/in-process.ts'
import { createMetrics } from '../../../src/metrics/metrics.ts'
import { openDatabase } from '../../../src/store/database.ts'
import { storeOn } from '../../../src/store/index.ts'
import { createGateway } from '../../../src/temporal/client-gateway.ts'
import { createReconciler } from '../../../src/temporal/reconciler.ts'
import { retriesOfCalls } from '../../../src/temporal/retries.ts'
import { startSweep } from '../../../src/temporal/sweep.ts'
import { createThreadWorkflows } from '../../../src/temporal/thread-workflows.ts'
import { createWebhookWaker } from '../../../src/temporal/webhooks.ts'
import { createWorker } from '../../../src/temporal/worker.ts'
import type { Observe } from '../../../src/thread/ports.ts'
import { argumentsCheck } from '../../../src/program/agents.ts'
import type { ThreadSettings } from '../../../src/thread/state.ts'
import { allowNetworks } from '../../../src/webhooks/addresses.ts'
import { Points, type KillPoint } from './points.ts'
import { wrapStore } from './ports.ts'

/** `name`: the tenant, and the task queue; nobody else has them, nor the database. */
export type KillableSettings = {
  database_url: string
  temporal: string
  name: string
  port: number
  armed: KillPoint | null
  /** To find out what changes the database. */
  survey: boolean
  file: string
}

/** Soon, so that a tour of seconds comes by; the sweep takes nothing before it has been left alone for two seconds. */
const SWEEP_MS = 500
const IDLE_CLOSE_MS = 1_500
const RETENTION_MS = 3_600_000

const given = JSON.parse(process.argv[2] ?? '{}') as KillableSettings
const { database_url, temporal: address, name: tenant, name: task_queue } = given
const points = new Points(given)
process.on('disconnect', () => process.exit(0))

const store = wrapStore(
  points,
  storeOn(points.wrapDatabase(await openDatabase({ database_url, timeout_ms: 900, pool_size: 10 }))),
)
await store.migrate()
const bus = points.wrap('bus', createInProcessBus())
const connection = await Connection.connect({ address, interceptors: retriesOfCalls() })
const client = new Client({ connection })
const of_worker = await NativeConnection.connect({ address })
const reconciler = points.wrap('reconciler', createReconciler(client, task_queue))
const agents = await createRegistry(checkConfig(defaultConfig, 'test'), NO_PROVIDERS)
const settings: ThreadSettings = {
  idle_close_ms: IDLE_CLOSE_MS,
  continue_as_new_every: 0,
  search_attributes: true,
  heartbeat_timeout_ms: 2_000,
  cli: 'temporal',
}
const gateway = points.wrap(
  'gateway',
  createGateway({
    ...{ client, timeout_ms: 5_000, task_queue, beside_worker: new Client({ connection: of_worker }) },
    first_runs: { begin: (ref, command) => beginThread({ store, bus, settings, observe }, ref, command) },
  }),
)
const quiet = { debug() {}, info() {}, warn() {}, error: (facts: object, message: string) => console.error(message, facts) }
const waker = points.wrap('waker', createWebhookWaker({ store, client, interval_ms: SWEEP_MS, log: quiet, task_queue }))
// A visit is over before the usual time is.
const stopSweep = startSweep({ store, client, interval_ms: SWEEP_MS, log: quiet, task_queue, late_ms: 0 })
const allowed = allowNetworks(['127.0.0.0/8'])
const ahead = new StepsAhead()
const deps: ActivityDeps = {
  ...{ store, bus, agents, settings, worker_id: task_queue, ahead, logger: quiet },
  observe: (events, of) => observe(events, of),
  threads: points.wrap('workflows', createThreadWorkflows(client, task_queue)),
  retention_ms: RETENTION_MS,
}
const begins = beginStepsAhead(deps, ahead)
const observe: Observe = (events, of) => {
  waker.observe(events)
  begins(events, of)
}
const worker = await createWorker({
  connection: of_worker,
  namespace: 'default',
  activities: points.wrap('activities', {
    ...createActivities(deps),
    ...createWebhookActivities({ store, allowed, retry: { first_ms: 100, give_up_ms: 60_000 }, logger: quiet }),
  }),
  identity: task_queue,
  heartbeat_throttle_ms: 200,
  task_queue,
})
const working = worker.run()
const { app, close } = createHttpApp({
  ...{ store, gateway, reconciler, bus, tenant, log: quiet },
  agents: () => agents.list(),
  checkArguments: argumentsCheck(agents),
  metrics: createMetrics(store),
  webhook_networks: allowed,
  limits: { poll_ms: 100 },
})
const server = createServer(app)
process.on('message', () => void end())
server.listen(given.port, '127.0.0.1', () => process.send?.({ ready: true, declared: points.declared.sort() }))

/** An orderly end, in the order in which the program has it. */
async function end(): Promise<void> {
  server.close()
  close()
  await stopSweep()
  await waker.stop()
  worker.shutdown()
  await working
  await bus.close()
  await store.close()
  process.exit(0)
}
