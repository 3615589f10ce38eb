import { MockActivityEnvironment } from '@temporalio/testing'
import { beginStep, createActivities, type ActivityDeps, type StepsAhead } from '../../activities/index.ts'
import type { WeftConfig } from '../../src/agent/define-config.ts'
import { checkConfig } from '../../src/agent/check-config.ts'
import { defaultConfig } from '../../src/agent/default-config.ts'
import { NO_PROVIDERS } from '../../src/agent/providers.ts'
import type { ProviderSettings } from '../../src/agent/providers.ts'
import { createRegistry } from '../../src/agent/registry.ts'
import type { LiveFrame } from '../../src/live/bus.ts'
import { createInProcessBus } from '../../src/live/in-process.ts'
import { createStore } from '../../src/store/index.ts'
import type { Store } from '../../src/store/store.ts'
import type { ThreadEvent } from '../../src/thread/event.ts'
import type { JsonObject } from '../../src/thread/json.ts'
import type { Content, Role } from '../../src/thread/message.ts'
import type { ModelStepInput, ModelStepResult, ThreadActivities, ToolInput, ToolOutcome } from '../../src/thread/ports.ts'
import type { DispatchRecord, RunOverrides, RunRecord } from '../../src/thread/records.ts'
import { emptyThread, toSnapshot } from '../../src/thread/state-init.ts'
import { cache_dir } from '../support/cache.ts'

export const TENANT = 'default'
export const SETTINGS = {
  idle_close_ms: 1000,
  continue_as_new_every: 0,
  search_attributes: false,
  heartbeat_timeout_ms: 2000,
  cli: 'temporal',
}

/** A store in memory, opened once a file: the first opening of PGlite takes seconds. */
export async function openStore(): Promise<Store> {
  const store = await createStore({ cache_dir, timeout_ms: 5000 })
  await store.migrate()
  return store
}

export type World = {
  store: Store
  activities: ThreadActivities
  frames: LiveFrame[]
  publish(frame: LiveFrame): void
  /** What stands staged under the first attempt of the first step, or another. */
  staged(part: string, key?: { step?: number; attempt?: number }): Promise<unknown>
  environment: MockActivityEnvironment
  step(more?: Partial<ModelStepInput>): Promise<ModelStepResult>
  /** Begins the step before its activity, where the world has steps that are. */
  stepAhead(more?: Partial<ModelStepInput>): void
  tool(more: Partial<ToolInput> & { tool_name: string; tool_call_id: string }): Promise<ToolOutcome>
  ids: { thread_id: string; run_id: string }
}
let count = 0

/** One thread with one run and the given messages, and the activities that serve it. */
export async function createWorld(
  store: Store,
  messages: { role: Role; content: Content }[],
  options: {
    config?: WeftConfig
    providers?: ProviderSettings
    overrides?: RunOverrides
    shared?: JsonObject
    ahead?: StepsAhead
  } = {},
): Promise<World> {
  count += 1
  const thread_id = `thread-${String(count)}`
  const run_id = `run-${String(count)}`
  await seed(store, thread_id, run_id, messages, options)
  const agents = await createRegistry(checkConfig(options.config ?? defaultConfig, 'test'), options.providers ?? NO_PROVIDERS)
  const bus = createInProcessBus()
  const frames: LiveFrame[] = []
  bus.subscribe(TENANT, thread_id, (frame) => frames.push(frame))
  const logger = { debug: () => undefined, warn: () => undefined, error: () => undefined }
  const { ahead } = options
  const deps: ActivityDeps = {
    ...{ store, bus, agents, settings: SETTINGS, worker_id: 'worker-1', logger },
    ...(ahead === undefined ? {} : { ahead }),
  }
  const activities = createActivities(deps)
  const environment = new MockActivityEnvironment()
  const base = { tenant: TENANT, thread_id, run_id, agent_id: 'default', agent_version: null, message_id: 'message-1' }
  const stepInput = (more: Partial<ModelStepInput> = {}): ModelStepInput => ({
    ...base,
    step: 1,
    attempt: 1,
    through_message_seq: messages.length,
    ...more,
  })
  return {
    store,
    activities,
    frames,
    environment,
    ids: { thread_id, run_id },
    publish: (frame) => {
      bus.publish(TENANT, frame)
    },
    staged: (part, { step = 1, attempt = 1 } = {}) =>
      store.engine.staged({ tenant: TENANT, thread_id, run_id, step, attempt }, part),
    step: (more) => environment.run((input: ModelStepInput) => activities.runModelStep(input), stepInput(more)),
    stepAhead: (more) => ahead?.begin(stepInput(more), (input) => beginStep(deps, input)),
    tool: (more) =>
      environment.run((input: ToolInput) => activities.runTool(input), {
        ...base,
        step: 1,
        model_attempt: 1,
        attempt: 1,
        edited_args_seq: null,
        ...more,
      }),
  }
}

async function seed(
  store: Store,
  thread_id: string,
  run_id: string,
  messages: { role: Role; content: Content }[],
  { overrides = null, shared = {} }: { overrides?: RunOverrides | null; shared?: JsonObject },
): Promise<void> {
  const ref = { tenant: TENANT, thread_id }
  const loaded = await store.engine.load(ref)
  if (loaded.status !== 'loaded') throw new Error('the thread is deleted')
  const at = Date.now()
  const events = messages.map(({ role, content }, index): ThreadEvent => {
    const n = index + 1
    const payload = {
      message_id: `${thread_id}-m${String(n)}`,
      message_seq: n,
      role,
      content,
      visibility: 'external' as const,
      parent_message_id: null,
      step: null,
    }
    return { seq: n, at, kind: 'MessageCommitted', run_id, payload }
  })
  const record: RunRecord = {
    run_id, thread_id, agent_id: 'default', agent_version: null, parent_run_id: null, retry_of: null, dispatch_id: `d-${run_id}`, status: 'running',
    termination: null, waiting: null, input: { trigger_message_ids: [], message_seq_from: null, message_seq_to: null }, output: { message_ids: [] },
    final_output: null, error: null, steps: 0, usage: { input_tokens: 0, output_tokens: 0 }, metadata: null, overrides, transport_request_id: null,
    created_at: at, started_at: at, finished_at: null, updated_at: at,
  } // prettier-ignore
  const dispatch: DispatchRecord = {
    dispatch_id: `d-${run_id}`, thread_id, run_id, status: 'claimed', dispatch_epoch: 0, attempt_count: 1, max_attempts: 5,
    available_at: at, claimed_by: null, last_error: null, created_at: at, updated_at: at, completed_at: null,
  } // prettier-ignore
  const summary = {
    status: 'running' as const,
    agent_id: 'default',
    active_run_id: run_id,
    message_count: messages.length,
    queue_revision: 0,
  }
  const snapshot = toSnapshot({ ...emptyThread(TENANT, thread_id, SETTINGS), shared })
  const runs = [{ record, dispatch, final_output_ref: null }]
  const stored = await store.engine.persist({
    ...ref,
    epoch: loaded.epoch,
    events,
    last_seq: events.length,
    runs,
    queue: null,
    ledger: [],
    summary,
    snapshot,
  })
  if (stored.status !== 'stored') throw new Error(`seeding ended ${stored.status}`)
}
