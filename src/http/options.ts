import { createAuthenticator, type Authenticator, type AuthSettings } from '../auth/authenticator.ts'
import { anybody, type Principal } from '../auth/principal.ts'
import type { LiveBus } from '../live/bus.ts'
import type { Store } from '../store/store.ts'
import type { Reconciler, ThreadGateway } from '../temporal/gateway.ts'
import type { Json } from '../thread/json.ts'
import type { RequestWatch, SeenRequest } from './middleware/observe.ts'
import { createRateLimit, type RateLimit } from './rate-limit.ts'
import { allowNetworks, type AllowedNetworks } from '../webhooks/addresses.ts'
import { createStreamCount, type StreamCount, type StreamPlace } from './streams/count.ts'
import { createHeads, type Heads } from './streams/heads.ts'
import { createTurns, type Turns } from './streams/turns.ts'

/** An agent as /v1/agents shows it; the registry's own summaries fit. */
export type AgentSummary = {
  id: string
  model: string
  tools: string[]
  description?: string | null
  version: string
  limits?: object
}

/** Prometheus's text format. */
export type MetricsPage = { text(): Promise<string>; contentType: string }

/** Where errors that must not leave go to; a pino logger fits. */
export type HttpLog = {
  error(facts: object, message: string): void
  warn(facts: object, message: string): void
  info?(facts: object, message: string): void
  debug?(facts: object, message: string): void
}

export type HttpOptions = {
  store: Store
  gateway: ThreadGateway
  /** Starts repairs; without it their routes answer 503. */
  reconciler?: Reconciler
  /** The process's own bus: in process, or over the database between processes. */
  bus: LiveBus
  agents: readonly AgentSummary[] | (() => readonly AgentSummary[])
  /** Whose the threads are where nobody has to say who they are; then, of the environment's key. */
  tenant?: string
  /** Who may come in. Without it: anybody, until there is a key in the store. */
  auth?: AuthSettings
  /** Pages that may use the service from a browser: their origins, as `https://app.example.org`. */
  cors_origins?: readonly string[]
  /** Nothing but this machine reaches the service; pages in browsers on it are kept out while anybody may come in. */
  local_only?: boolean
  /**
   * What does not fit when a tool is given these arguments, in words that name the fields; null if they fit, or if
   * this process does not know the tool. Without it edited arguments are first checked when the tool runs.
   */
  checkArguments?: (tool_name: string, args: Json) => Promise<string | null>
  version?: string
  /** How operators reach the same threads; shown in /docs. */
  temporal?: { cli: string; address: string; namespace: string }
  /** Whether a worker takes tasks; without it /health says `unknown` for that component. */
  workerPing?: () => Promise<void>
  /** What /metrics answers with; without it the page says only that nothing is measured. */
  metrics?: MetricsPage
  log?: HttpLog
  /** Told of every request once it is over. */
  on_request?: (seen: SeenRequest) => void
  /** Opens a span for a request. */
  trace?: NonNullable<RequestWatch['trace']>
  /** Private networks that webhooks may be in; none if absent. */
  webhook_networks?: AllowedNetworks
  limits?: Partial<HttpLimits>
}

/** Sizes in bytes, times in ms. */
export type HttpLimits = {
  body_bytes: number
  /** Streams open at once in this process. */
  streams: number
  /** Of them, those of one tenant; 0: all. */
  streams_per_tenant: number
  /** Of each principal, in this process; 0: no limit. */
  requests_per_minute: number
  /** How often an open stream makes sure that its reader may still read. */
  recheck_ms: number
  /**
   * An answer waits this long for its facts to be readable, counted from the request. With a look into the store
   * before or after, which may take its time-out, nobody waits for more than two seconds.
   */
  stored_wait_ms: number
  /** On top of the gateway's own deadline: nothing waits longer for an answer. */
  command_timeout_ms: number
  /** Longest `timeout_ms` of a wait. */
  wait_max_ms: number
  heartbeat_ms: number
  /** How often it is looked how far the followed logs go, should a notification have been lost. */
  poll_ms: number
  /** A reader that takes nothing for so long is cut off; it can come back with its cursor. */
  stall_ms: number
  /** A component that does not answer in time is down, for /health. */
  health_ms: number
}

export const DEFAULT_LIMITS: HttpLimits = {
  body_bytes: 4 * 1024 * 1024,
  streams: 2_000,
  streams_per_tenant: 1_000,
  requests_per_minute: 60_000,
  recheck_ms: 5_000,
  stored_wait_ms: 1_000,
  command_timeout_ms: 15_000,
  wait_max_ms: 600_000,
  heartbeat_ms: 15_000,
  poll_ms: 3_000,
  stall_ms: 60_000,
  health_ms: 2_000,
}

/** The options with every default filled in, and what the handlers share. */
export type HttpContext = {
  store: Store
  gateway: ThreadGateway
  reconciler: Reconciler | null
  bus: LiveBus
  /** The caller's. */
  tenant: string
  /** Who calls. */
  principal: Principal
  auth: Authenticator
  rate: RateLimit
  cors_origins: readonly string[]
  local_only: boolean
  checkArguments: ((tool_name: string, args: Json) => Promise<string | null>) | null
  version: string
  temporal: { cli: string; address: string; namespace: string } | null
  workerPing: (() => Promise<void>) | null
  metrics: MetricsPage | null
  log: HttpLog
  webhook_networks: AllowedNetworks
  limits: HttpLimits
  agents: () => readonly AgentSummary[]
  streams: StreamCount
  /** For this request's stream. */
  place: StreamPlace
  heads: Heads
  turns: Turns
  /** The process was told to stop and still serves. */
  leaving: boolean
  /** Fires when the app closes: open streams end. */
  closing: AbortSignal
}

export function createContext(options: HttpOptions, closing: AbortSignal): HttpContext {
  const { agents, tenant = 'default' } = options
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const streams = createStreamCount(limits.streams, limits.streams_per_tenant)
  return {
    store: options.store,
    gateway: options.gateway,
    reconciler: options.reconciler ?? null,
    bus: options.bus,
    tenant,
    principal: anybody(tenant),
    auth: createAuthenticator(options.store.keys, tenant, options.auth),
    rate: createRateLimit(limits.requests_per_minute),
    cors_origins: options.cors_origins ?? [],
    local_only: options.local_only ?? false,
    checkArguments: options.checkArguments ?? null,
    version: options.version ?? '0.0.0',
    temporal: options.temporal ?? null,
    workerPing: options.workerPing ?? null,
    metrics: options.metrics ?? null,
    log: options.log ?? { error: () => {}, warn: () => {} },
    webhook_networks: options.webhook_networks ?? allowNetworks([]),
    limits,
    agents: typeof agents === 'function' ? agents : () => agents,
    streams,
    place: streams.place(tenant),
    heads: createHeads(options.store, limits.poll_ms, closing),
    turns: createTurns(),
    leaving: false,
    closing,
  }
}
