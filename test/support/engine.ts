import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client, Connection } from '@temporalio/client'
import { NativeConnection, type Worker } from '@temporalio/worker'
import { beginThread, createActivities } from '../../activities/index.ts'
import { checkConfig } from '../../src/agent/check-config.ts'
import { defaultConfig } from '../../src/agent/default-config.ts'
import type { WeftConfig } from '../../src/agent/define-config.ts'
import { NO_PROVIDERS, type ProviderSettings } from '../../src/agent/providers.ts'
import { createRegistry } from '../../src/agent/registry.ts'
import type { LiveBus } from '../../src/live/bus.ts'
import { createInProcessBus } from '../../src/live/in-process.ts'
import { createStore } from '../../src/store/index.ts'
import type { Store } from '../../src/store/store.ts'
import { createGateway } from '../../src/temporal/client-gateway.ts'
import { sendCommandsByCore } from '../../src/temporal/core-commands.ts'
import { startEmbeddedTemporal, type EmbeddedTemporal } from '../../src/temporal/embedded/embedded.ts'
import type { Sending, ThreadGateway } from '../../src/temporal/gateway.ts'
import { createReconciler } from '../../src/temporal/reconciler.ts'
import type { WorkerVersion } from '../../src/temporal/names.ts'
import { createThreadWorkflows } from '../../src/temporal/thread-workflows.ts'
import { retriesOfCalls } from '../../src/temporal/retries.ts'
import { createWorker } from '../../src/temporal/worker.ts'
import type { Command, SubmitCommand } from '../../src/thread/command.ts'
import type { LogEvent } from '../../src/thread/envelope.ts'
import type { JsonObject } from '../../src/thread/json.ts'
import type { ThreadRef } from '../../src/thread/ports.ts'
import type { ReconcileStatus } from '../../src/thread/repair/ports.ts'
import type { RunRecord } from '../../src/thread/records.ts'
import type { ThreadSettings } from '../../src/thread/state.ts'
import { checkStore } from './check-everywhere.ts'
import { temporalCli } from './temporal-cli.ts'
import { cache_dir } from './cache.ts'

/** A real Temporal server of the test's own, without a UI, on a free port and files of its own. */
export async function startTemporal({ fair = true } = {}): Promise<EmbeddedTemporal & { cli: string; remove(): Promise<void> }> {
  const cli = await temporalCli()
  const dataDir = mkdtempSync(join(tmpdir(), 'weft-temporal-'))
  const server = await startEmbeddedTemporal({ cli, dataDir, port: 0, uiPort: null, fair })
  const remove = async (): Promise<void> => {
    await server.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
  return Object.assign(server, { cli, remove })
}

export type EngineOptions = {
  address: string
  cli: string
  store?: Store
  settings?: Partial<ThreadSettings>
  config?: WeftConfig
  providers?: ProviderSettings
  timeout_ms?: number
  task_queue?: string
  /** Of a test that breaks logs on purpose: they are not checked when the engine is closed. */
  broken_logs?: boolean
  retention_ms?: number
  thread_ttl_ms?: number
  /** Where several versions stand side by side: which one this is, and its workflow code if it is not this checkout's. */
  version?: WorkerVersion
  workflow_code?: string
  activity_slots?: number
  /** Stands between the worker and its activities: for faults, and for activities of other workflows. */
  wrap?: (activities: ReturnType<typeof createActivities>) => ReturnType<typeof createActivities>
}

/** Store, worker and gateway in this process, over a Temporal server that is there already. */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const store = options.store ?? (await createStore({ cache_dir, timeout_ms: 900 }))
  if (options.store === undefined) await store.migrate()
  const bus = createInProcessBus()
  const connection = await Connection.connect({ address: options.address, interceptors: retriesOfCalls() })
  // As the program does it beside its own server.
  const core = await NativeConnection.connect({ address: options.address })
  sendCommandsByCore(connection, core)
  const client = new Client({ connection })
  const task_queue = options.task_queue ?? 'weft'
  const known = options.settings?.search_attributes !== false
  const attributes = { search_attributes: known, tenant_attribute: known }
  const settings = settingsOf(options)
  const gateway = createGateway({
    ...{ client, timeout_ms: options.timeout_ms ?? 10_000, task_queue, attributes },
    first_runs: { begin: (ref, command) => beginThread({ store, bus, settings }, ref, command) },
  })
  const engine = new Engine({ ...options, task_queue }, store, bus, client, gateway, core)
  await engine.startWorker()
  return engine
}

/** What an engine's threads get. */
export function settingsOf({ settings }: Pick<EngineOptions, 'settings'>): ThreadSettings {
  return {
    idle_close_ms: 600_000,
    continue_as_new_every: 0,
    search_attributes: true,
    tenant_attribute: true,
    heartbeat_timeout_ms: 3_000,
    cli: 'temporal',
    ...settings,
  }
}

export class Engine {
  readonly store: Store
  readonly bus: LiveBus
  readonly client: Client
  readonly gateway: ThreadGateway
  readonly #options: EngineOptions & { task_queue: string }
  readonly #core: NativeConnection
  #worker: { worker: Worker; running: Promise<void>; connection: NativeConnection } | null = null

  constructor(
    options: EngineOptions & { task_queue: string },
    store: Store,
    bus: LiveBus,
    client: Client,
    gateway: ThreadGateway,
    core: NativeConnection,
  ) {
    this.#options = options
    this.#core = core
    this.store = store
    this.bus = bus
    this.client = client
    this.gateway = gateway
  }

  async startWorker(): Promise<void> {
    const { config = defaultConfig, providers = NO_PROVIDERS, address, task_queue } = this.#options
    const agents = await createRegistry(checkConfig(config, 'test'), providers)
    const quiet = { debug() {}, warn() {}, error() {} }
    const activities = createActivities({
      store: this.store,
      bus: this.bus,
      agents,
      settings: settingsOf(this.#options),
      worker_id: 'test',
      logger: quiet,
      threads: createThreadWorkflows(this.client, task_queue),
      retention_ms: this.#options.retention_ms ?? null,
      thread_ttl_ms: this.#options.thread_ttl_ms ?? null,
    })
    const connection = await NativeConnection.connect({ address })
    const worker = await createWorker({
      connection,
      namespace: 'default',
      activities: this.#options.wrap?.(activities) ?? activities,
      identity: 'test',
      heartbeat_throttle_ms: 200,
      task_queue,
      ...(this.#options.version === undefined ? {} : { version: this.#options.version }),
      ...(this.#options.workflow_code === undefined ? {} : { workflow_code: this.#options.workflow_code }),
      ...(this.#options.activity_slots === undefined ? {} : { activity_slots: this.#options.activity_slots }),
    })
    this.#worker = { worker, running: worker.run(), connection }
  }

  /** A client on the connection of the worker that runs. */
  besideWorker(): Client {
    if (this.#worker === null) throw new Error('no worker runs')
    return new Client({ connection: this.#worker.connection })
  }

  async stopWorker(): Promise<void> {
    if (this.#worker === null) return
    const { worker, running, connection } = this.#worker
    this.#worker = null
    worker.shutdown()
    await running
    await connection.close()
  }

  async close(): Promise<void> {
    await this.stopWorker()
    await this.bus.close()
    await this.client.connection.close()
    await this.#core.close()
    try {
      if (this.#options.broken_logs !== true) await checkStore(this.store)
    } finally {
      if (this.#options.store === undefined) await this.store.close()
    }
  }

  /** A repair from its beginning to its end. */
  async reconcile(thread_id?: string): Promise<ReconcileStatus> {
    const reconciler = createReconciler(this.client, this.#options.task_queue)
    const { id } = await reconciler.start('default', thread_id)
    return eventually(async () => {
      const status = await reconciler.status('default', id)
      return status === null || status.status === 'running' ? undefined : status
    })
  }

  ref(thread_id: string): ThreadRef {
    return { tenant: 'default', thread_id }
  }

  /** Sends a command and gives its outcome; throws the refusal. */
  async send(thread_id: string, command: Command, sending?: Sending): Promise<JsonObject & { run_id: string }> {
    const answer = await this.gateway.send(this.ref(thread_id), command, sending)
    if (!answer.ok) throw new Error(`${answer.rejection.code}: ${answer.rejection.message}`)
    return answer.outcome as JsonObject & { run_id: string }
  }

  async say(thread_id: string, content: string, more: Partial<SubmitCommand> = {}): Promise<string> {
    return (await this.send(thread_id, submit(content, more))).run_id
  }

  /** The same in a thread that is not there: its first run is stored before its workflow is started. */
  async begin(thread_id: string, content: string, more: Partial<SubmitCommand> = {}): Promise<string> {
    return (await this.send(thread_id, submit(content, more), { new_thread: true })).run_id
  }

  /** The run once it is as asked: by default, once it has ended. */
  run(run_id: string, until: (run: RunRecord) => boolean = (run) => run.status === 'done'): Promise<RunRecord> {
    return eventually(async () => {
      const run = await this.store.conversation.getRun('default', run_id)
      return run !== null && until(run) ? run : undefined
    })
  }

  async log(thread_id: string): Promise<LogEvent[]> {
    const all: LogEvent[] = []
    for (;;) {
      const { events } = await this.store.conversation.listEvents('default', { thread_id, after_seq: all.length, limit: 200 })
      all.push(...events)
      if (events.length < 200) return all
    }
  }

  async messages(thread_id: string): Promise<{ role: string; content: unknown; interrupted: boolean }[]> {
    const page = await this.store.conversation.listMessages(
      this.ref(thread_id),
      { order: 'asc', visibility: 'all' },
      { limit: 200 },
    )
    return page.items
  }

  /** Runs the `temporal` program against the server. */
  async cli(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(this.#options.cli, [...args, '--address', this.#options.address], {
      timeout: 20_000,
    })
    return stdout
  }
}

function submit(content: string, more: Partial<SubmitCommand>): SubmitCommand {
  return { type: 'submit', mode: 'queue', messages: [{ role: 'user', content }], ...more }
}

/** Asks again until there is an answer; fails after `within` ms (20 s). */
export async function eventually<T>(ask: () => Promise<T | undefined> | T | undefined, within = 20_000): Promise<T> {
  const deadline = Date.now() + within
  for (;;) {
    const value = await ask()
    if (value !== undefined) return value
    if (Date.now() > deadline) throw new Error(`not within ${String(within)} ms: ${ask.toString().slice(0, 300)}`)
    await sleep(10)
  }
}
