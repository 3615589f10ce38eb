import type { AgentRegistry } from '../src/agent/registry.ts'
import type { LiveBus } from '../src/live/bus.ts'
import type { Store } from '../src/store/store.ts'
import type { ModelTrace } from '../src/tracing/tracing.ts'
import type { Observe } from '../src/thread/ports.ts'
import type { ThreadWorkflows } from '../src/thread/repair/ports.ts'
import type { ThreadSettings } from '../src/thread/state.ts'
import type { StepsAhead } from './steps-ahead.ts'

/** What activities log to; pino's loggers fit. */
export type ActivityLogger = {
  debug(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

export type ActivityDeps = {
  store: Store
  bus: LiveBus
  agents: AgentRegistry
  /** Handed to every thread that is loaded. */
  settings: ThreadSettings
  /** Names this process in run records. */
  worker_id: string
  observe?: Observe
  /** Model steps that may be under way before their activity comes. */
  ahead?: StepsAhead
  /** Sees each call to a model. */
  trace_model?: ModelTrace
  logger: ActivityLogger
  /** The living threads, for repairs; without it they compare the store with itself only. */
  threads?: ThreadWorkflows
  /** Told of a tenant one of whose threads knows more than the store, which was set back. */
  on_gap?: (tenant: string) => void
  /** How old the events of finished runs may become (ms); null: they are kept. */
  retention_ms?: number | null
  /** How long after their last change threads that say nothing of it themselves are deleted (ms); null: never. */
  thread_ttl_ms?: number | null
}
