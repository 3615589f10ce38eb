import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '@temporalio/client'
import type { NativeConnection } from '@temporalio/worker'
import type { Logger } from 'pino'
import { createWebhookActivities } from '../../activities/deliver-webhooks.ts'
import { beginStepsAhead, beginThread, createActivities, StepsAhead, type ActivityDeps } from '../../activities/index.ts'
import type { AgentRegistry } from '../agent/registry.ts'
import { isLoopback, type Config } from '../config.ts'
import { createHttpApp } from '../http/app.ts'
import type { HttpOptions } from '../http/options.ts'
import type { LiveBus } from '../live/bus.ts'
import { createMetrics, type Metrics } from '../metrics/metrics.ts'
import { createInProcessBus } from '../live/in-process.ts'
import { createPostgresBus } from '../live/postgres.ts'
import type { Store } from '../store/index.ts'
import { sendCommandsByCore } from '../temporal/core-commands.ts'
import { createGateway } from '../temporal/client-gateway.ts'
import { createReconciler, repairSoon, scheduleRepairs } from '../temporal/reconciler.ts'
import { startSweep } from '../temporal/sweep.ts'
import { createWebhookWaker } from '../temporal/webhooks.ts'
import { createThreadWorkflows } from '../temporal/thread-workflows.ts'
import type { Observe } from '../thread/ports.ts'
import type { ThreadSettings } from '../thread/state.ts'
import { startTracing, type Tracing } from '../tracing/tracing.ts'
import { allowNetworks } from '../webhooks/addresses.ts'
import { argumentsCheck } from './agents.ts'
import { connectionOptions, openConnection, openNativeConnection, searchAttributes } from './connection.ts'
import { listen } from './listen.ts'
import { metricsListener } from './metrics-listener.ts'
import type { Shutdown } from './shutdown.ts'
import type { TemporalFigures } from './temporal-runtime.ts'
import { cliPrefix, type TemporalService } from './temporal-service.ts'
import { VERSION } from './version.ts'
import { startWorker, type WorkerService } from './worker-service.ts'

export type Foundations = {
  config: Config
  logger: Logger
  shutdown: Shutdown
  temporal: TemporalService
  store: Store
  agents: AgentRegistry
  /** Names this process to Temporal and in run records. */
  identity: string
  onFailure: (error: Error) => void
  temporalFigures: TemporalFigures | null
}

const TROUBLE = {
  start_failed: 'A thread whose first run is stored could not be started at once; it is tried again.',
  not_begun: 'A first run could not be stored before its thread was started; the thread stores it.',
  not_started: 'A first run is stored and its thread is not known to be started; if it is not, a worker will start it.',
}
/** A lost worker is noticed after this long; own servers are close enough for less. */
const HEARTBEAT_TIMEOUT_MS = { embedded: 5_000, cluster: 15_000 }
const HEARTBEAT_THROTTLE_MS = { embedded: 200, cluster: 1_000 }
const HTTP_CLOSE_MS = 2_000
/** The first LISTEN may take so long before a process starts without. */
const BUS_WAIT_MS = 10_000
/** A collector that is away must not keep a process from ending. */
const LAST_TRACES_MS = 2_000
/** What a worker needs to end besides the time that its activities are given. */
const WORKER_END_MS = 3_000
/** How often threads without a workflow are looked for. */
const SWEEP_MS = 30_000

/** What stands on store and Temporal: connections, live bus, worker, gateway, HTTP. Each is noted for the shutdown. */
export async function startLayers(base: Foundations): Promise<{ api: string | null }> {
  const { config, logger, shutdown, temporal, store, agents } = base
  const { namespace } = config.temporal
  const options = connectionOptions(config.temporal, temporal.address)
  const connection = await openConnection(options, namespace)
  shutdown.add('The connection to Temporal', () => connection.close())
  if (temporal.embedded) {
    const core = await openNativeConnection(options, namespace)
    shutdown.add('The connection of commands', () => core.close())
    sendCommandsByCore(connection, core)
  }
  const bus = await openBus(base)
  const attributes = await searchAttributes(connection, namespace)
  const settings: ThreadSettings = {
    idle_close_ms: config.idleCloseMs,
    continue_as_new_every: config.continueAsNewEvery,
    ...attributes,
    heartbeat_timeout_ms: HEARTBEAT_TIMEOUT_MS[temporal.embedded ? 'embedded' : 'cluster'],
    cli: cliPrefix(temporal, namespace, config.searchPath),
  }
  const metrics = createMetrics(store, { version: VERSION, temporal: base.temporalFigures })
  const tracing = await openTracing(base)
  const interceptors = tracing === null ? {} : { interceptors: { workflow: [tracing.client] } }
  const client = new Client({ connection, namespace, ...interceptors })
  const observers: Observe[] = [metrics.observe]
  if (tracing !== null)
    observers.push((events, { tenant, ended }) =>
      tracing.ended(
        tenant,
        events,
        ended.map(({ record }) => record),
      ),
    )
  const observe: Observe = (events, batch) => {
    for (const each of observers) each(events, batch)
  }
  const worker =
    config.role === 'api' ? null : await addWorker(base, { bus, settings, observe, observers, client, tracing, metrics })
  if (worker !== null) {
    const waker = createWebhookWaker({ store, client, interval_ms: SWEEP_MS, log: logger })
    // Outside of the activity that stored the events: what follows is about no thread in particular.
    const outside = AsyncLocalStorage.snapshot()
    observers.push((events) => outside(waker.observe, events))
    shutdown.add('The look for webhooks', waker.stop)
    // Nobody waits for it: the service is of use without.
    const scheduled = scheduleRepairs(client, config.reconcileIntervalMs).catch((error: unknown) =>
      logger.warn({ error: String(error) }, 'The schedule of repairs could not be set; they can be started by hand.'),
    )
    shutdown.add('The schedule of repairs', () => scheduled)
    const stop = startSweep({ store, client, interval_ms: SWEEP_MS, log: logger, version: config.version })
    shutdown.add('The sweep for lost workflows', stop)
  }
  if (config.role === 'worker') {
    await showMetrics(base, metrics)
    return { api: null }
  }
  // Servers (up to 1.29) give a task of no version out with the start.
  const eager = worker !== null && temporal.embedded && config.version === null
  const app = createHttpApp({
    store,
    ...admission(config),
    bus,
    gateway: createGateway({
      client,
      timeout_ms: config.commandTimeoutMs,
      attributes,
      ...(eager
        ? { beside_worker: new Client({ connection: worker.connection, namespace, identity: base.identity, ...interceptors }) }
        : {}),
      first_runs: {
        begin: (ref, command) => beginThread({ store, bus, settings, observe }, ref, command),
        onTrouble: ({ thread_id }, trouble, error) =>
          logger[trouble === 'start_failed' ? 'debug' : 'warn']({ thread_id, error: String(error) }, TROUBLE[trouble]),
      },
    }),
    reconciler: createReconciler(client),
    checkArguments: argumentsCheck(agents),
    agents: () =>
      agents.list().map(({ description, ...agent }) => ({ ...agent, ...(description === null ? {} : { description }) })),
    version: VERSION,
    temporal: { cli: temporal.cli ?? 'temporal', address: temporal.address, namespace },
    ...(worker === null ? {} : { workerPing: () => worker.ping() }),
    metrics,
    on_request: metrics.request,
    ...(tracing === null ? {} : { trace: tracing.http }),
    webhook_networks: allowNetworks(config.webhooks.networks),
    log: logger,
  })
  metrics.streams(app.openStreams)
  const server = await listen(app.app, config.host, config.port)
  const close = () => {
    // No new requests from here on; then the streams that are open end.
    const closed = server.close()
    app.close()
    return closed
  }
  shutdown.add('The HTTP server', close, HTTP_CLOSE_MS)
  const leave = async (): Promise<void> => {
    app.leave()
    await sleep(config.leaveMs)
  }
  // Whatever sends requests here must have looked at /health before the door is shut.
  if (config.leaveMs > 0) shutdown.add('The time to leave', leave, config.leaveMs + HTTP_CLOSE_MS)
  return { api: server.address }
}

/** Who may come in, from where, and how often. */
function admission(config: Config): Pick<HttpOptions, 'auth' | 'cors_origins' | 'local_only' | 'limits'> {
  const { required, adminKey, jwt } = config.auth
  const tokens = jwt && {
    jwks_url: jwt.jwksUrl,
    issuer: jwt.issuer,
    audience: jwt.audience,
    algorithms: jwt.algorithms,
    tenant_claim: jwt.tenantClaim,
    tenant: jwt.tenant,
    role_claim: jwt.roleClaim,
  }
  return {
    auth: { required, admin_key: adminKey, jwt: tokens },
    cors_origins: config.corsOrigins,
    local_only: isLoopback(config.host) && !config.insecureBind,
    limits: { requests_per_minute: config.rateLimitPerMinute, streams_per_tenant: config.streamsPerTenant },
  }
}

/** Null where no traces are sent: then nothing that makes them is loaded. */
async function openTracing({ config, logger, shutdown, identity }: Foundations): Promise<Tracing | null> {
  if (config.otlpEndpoint === null) return null
  const onError = (message: string) => logger.warn({ error: message }, 'Traces could not be sent.')
  const tracing = await startTracing({ endpoint: config.otlpEndpoint, version: VERSION, instance: identity, onError })
  shutdown.add('The last traces', () => tracing.stop(), LAST_TRACES_MS)
  return tracing
}

async function openBus({ config, logger, shutdown }: Foundations): Promise<LiveBus> {
  if (config.databaseUrl === null) {
    const bus = createInProcessBus()
    shutdown.add('The live bus', () => bus.close())
    return bus
  }
  const onError = (error: unknown) =>
    logger.warn({ error: String(error) }, 'The live bus lost its connection; it will connect again.')
  const bus = createPostgresBus({ database_url: config.databaseUrl, onError })
  shutdown.add('The live bus', () => bus.close())
  // Streams do without it, only later, and it goes on trying: no reason not to start.
  await Promise.race([bus.ready, sleep(BUS_WAIT_MS, undefined, { ref: false })])
  return bus
}

/** A worker has no API; its figures get a port of their own where one is given. */
async function showMetrics({ config, logger, shutdown }: Foundations, metrics: Metrics): Promise<void> {
  if (config.metricsPort === null) return
  const server = await listen(metricsListener(metrics), config.host, config.metricsPort, { variable: 'WEFT_METRICS_PORT' })
  shutdown.add('The metrics server', () => server.close(), HTTP_CLOSE_MS)
  logger.info({ metrics: `${server.address}/metrics` }, 'Figures are shown.')
}

type WorkerParts = {
  bus: LiveBus
  settings: ThreadSettings
  observe: Observe
  observers: Observe[]
  client: Client
  tracing: Tracing | null
  metrics: Metrics
}

async function addWorker(
  base: Foundations,
  { bus, settings, observe, observers, client, tracing, metrics }: WorkerParts,
): Promise<WorkerService & { connection: NativeConnection }> {
  const { config, logger, shutdown, temporal, store, agents, identity, onFailure } = base
  const onError = (error: unknown): void =>
    logger.warn({ error: String(error) }, 'A repair could not be started; the schedule will start one.')
  const { namespace } = config.temporal
  const connection = await openNativeConnection(connectionOptions(config.temporal, temporal.address), namespace)
  shutdown.add('The connection of the worker', () => connection.close())
  // Nobody else is given its activities. A trace begins with the activity, which would come too late for its call.
  const ahead = temporal.embedded && config.role === 'all' && tracing === null ? new StepsAhead() : undefined
  const deps: ActivityDeps = {
    ...{ store, bus, agents, settings, worker_id: identity, observe, logger },
    threads: createThreadWorkflows(client),
    ...(config.reconcileIntervalMs === 0 ? {} : { on_gap: repairSoon(createReconciler(client), onError) }),
    retention_ms: config.eventRetentionMs,
    ...(tracing === null ? {} : { trace_model: tracing.model }),
    thread_ttl_ms: config.threadTtlMs,
    ...(ahead === undefined ? {} : { ahead }),
  }
  if (ahead !== undefined) observers.push(beginStepsAhead(deps, ahead))
  const worker = await startWorker({
    connection,
    namespace,
    identity,
    activities: {
      ...createActivities(deps),
      ...createWebhookActivities({
        store,
        allowed: allowNetworks(config.webhooks.networks),
        retry: config.webhooks.retry,
        logger,
        on_attempt: metrics.webhook,
      }),
    },
    ...(tracing === null ? {} : { tracing }),
    heartbeatThrottleMs: HEARTBEAT_THROTTLE_MS[temporal.embedded ? 'embedded' : 'cluster'],
    stackTraces: config.logLevel === 'debug' || config.logLevel === 'trace',
    drainMs: config.drainMs,
    version: config.version,
    onFailure,
  })
  shutdown.add('The worker', () => worker.drain(), config.drainMs + WORKER_END_MS)
  return { ...worker, connection }
}
