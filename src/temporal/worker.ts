import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  bundleWorkflowCode,
  Worker,
  type ActivityInterceptorsFactory,
  type NativeConnection,
  type WorkerDeploymentOptions,
} from '@temporalio/worker'
import type { ThreadActivities } from '../thread/ports.ts'
import { STICKY_TIMEOUT, TASK_QUEUE, type WorkerVersion } from './names.ts'
import { useQuickThreads } from './quick-thread.ts'

export type WorkerSettings = {
  connection: NativeConnection
  namespace: string
  activities: ThreadActivities
  identity: string
  /** How often a heartbeat really travels, and so how soon a cancel arrives without the live bus (ms). */
  heartbeat_throttle_ms: number
  /** Errors of workflow code, and the engine's stack trace query, name frames. It makes workflow code half as fast again. */
  stack_traces?: boolean
  /** Which version of which deployment this is; null: versions are not told apart. */
  version?: WorkerVersion | null
  /** Other workflow code than this checkout's, in one piece. */
  workflow_code?: string
  /** Model steps and tools that run at once (200). */
  activity_slots?: number
  /** How long activities under way may go on once the worker is told to stop, before they are cancelled (ms; 2,000). */
  drain_ms?: number
  task_queue?: string
  /** Where traces are sent: sees each activity, and workflows hand trace contexts on. */
  tracing?: { activity: ActivityInterceptorsFactory }
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** The module that decodes what a workflow is sent; replays need it too. */
export const PAYLOAD_CONVERTER = join(ROOT, 'workflows', 'payload-converter.ts')

/** A worker for threads and their activities. The caller runs it and shuts it down. */
export async function createWorker(settings: WorkerSettings): Promise<Worker> {
  const { connection, namespace, activities, identity, heartbeat_throttle_ms, tracing, stack_traces = false } = settings
  useQuickThreads()
  return Worker.create({
    connection,
    namespace,
    identity,
    activities,
    taskQueue: settings.task_queue ?? TASK_QUEUE,
    workflowBundle: {
      code: settings.workflow_code ?? (await bundleThreadWorkflow({ tracing: tracing !== undefined, stack_traces })),
    },
    ...(tracing === undefined ? {} : { interceptors: { activity: [tracing.activity] } }),
    ...(settings.version == null ? {} : { workerDeploymentOptions: deploymentOptions(settings.version) }),
    dataConverter: { payloadConverterPath: PAYLOAD_CONVERTER },
    maxHeartbeatThrottleInterval: heartbeat_throttle_ms,
    defaultHeartbeatThrottleInterval: heartbeat_throttle_ms,
    shutdownGraceTime: settings.drain_ms ?? 2_000,
    stickyQueueScheduleToStartTimeout: STICKY_TIMEOUT,
    maxConcurrentActivityTaskExecutions: settings.activity_slots ?? 200,
    maxConcurrentLocalActivityExecutions: 200,
  })
}

/**
 * A thread stays with the version that it began on, and so is never replayed by other code; it comes to the newest one
 * with its next execution.
 */
function deploymentOptions({ deployment, build_id }: WorkerVersion): WorkerDeploymentOptions {
  const version = { deploymentName: deployment, buildId: build_id }
  return { version, useWorkerVersioning: true, defaultVersioningBehavior: 'PINNED' }
}

/**
 * The workflow code in one piece. Bundling takes seconds, so the result is kept until a source of it changes. What hands
 * trace contexts on is in it only if `tracing`.
 */
export async function bundleThreadWorkflow({ tracing = false, stack_traces = false } = {}): Promise<string> {
  const cache = join(ROOT, 'node_modules', '.cache', 'weft-workflows')
  const file = join(cache, `${[hashSources(), ...(tracing ? ['traced'] : []), ...(stack_traces ? ['stacks'] : [])].join('-')}.js`)
  if (existsSync(file)) return readFileSync(file, 'utf8')
  const workflowsPath = join(ROOT, 'workflows', 'index.ts')
  const { code: slow } = await bundleWorkflowCode({
    workflowsPath,
    // Evaluated once and shared by all threads: none of these modules keeps anything of its own.
    preloadModules: [...(stack_traces ? [] : [join(ROOT, 'workflows', 'no-stack-traces.ts')]), workflowsPath],
    payloadConverterPath: PAYLOAD_CONVERTER,
    workflowInterceptorModules: ['interceptors.ts', ...(tracing ? ['tracing.ts'] : [])].map((name) =>
      join(ROOT, 'workflows', name),
    ),
    webpackConfigHook: (config) => modern(config),
    logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error: console.error },
  })
  const code = swift(slow)
  try {
    mkdirSync(cache, { recursive: true })
    writeFileSync(`${file}.${String(process.pid)}`, code)
    renameSync(`${file}.${String(process.pid)}`, file)
  } catch {
    // A checkout that cannot be written, as in a container: it bundles at every start.
  }
  return code
}

type Bundling = Parameters<NonNullable<Parameters<typeof bundleWorkflowCode>[0]['webpackConfigHook']>>[0]

/**
 * The SDK has the code rewritten for engines of 2017, which do not know `{ ...state }`: what stands there instead defines
 * one key after the other, and a state with a long queue has many.
 */
function modern(config: Bundling): Bundling {
  const rules = (config.module?.rules ?? []).map((rule) => {
    if (typeof rule !== 'object' || rule === null || typeof rule.use !== 'object' || Array.isArray(rule.use)) return rule
    const { options } = rule.use ?? {}
    if (typeof options !== 'object' || !('jsc' in options)) return rule
    return { ...rule, use: { ...rule.use, options: { ...options, jsc: { ...options['jsc'], target: 'es2022' } } } }
  })
  return { ...config, module: { ...config.module, rules } }
}

/** Globals that the SDK leaves alone in workflow code. */
const BUILT_IN = ['Array','ArrayBuffer','BigInt','Boolean','DataView','Error','JSON','Map','Math','Number','Object','Promise','Proxy','RangeError','Reflect','RegExp','Set','String','Symbol','TypeError','Uint8Array','WeakMap','WeakSet','isNaN','isFinite','parseInt','parseFloat']

function swift(code: string): string {
  const begin = '(() => { // webpackBootstrap'
  if (!code.includes(begin)) throw new Error('not as expected')
  return code.replace(begin, `(() => { const { ${BUILT_IN.join(', ')} } = globalThis; // webpackBootstrap`)
}

function hashSources(): string {
  const hash = createHash('sha256')
  for (const folder of ['workflows', 'src/thread', 'src/thread/rules', 'src/thread/repair']) {
    for (const name of readdirSync(join(ROOT, folder)).sort()) {
      if (name.endsWith('.ts')) hash.update(name).update(readFileSync(join(ROOT, folder, name)))
    }
  }
  hash.update(readFileSync(fileURLToPath(import.meta.url)))
  return hash
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex')
    .slice(0, 32)
}
