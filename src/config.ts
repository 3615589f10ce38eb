import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { config as loadDotenv } from 'dotenv'
import { z } from 'zod'
import {
  ConfigError,
  duration,
  fault,
  flag,
  isNetwork,
  isOrigin,
  list,
  oneOf,
  port,
  text,
  url,
  versionName,
  whole,
} from './config-values.ts'

export { ConfigError } from './config-values.ts'

/** Everything the environment can say about a process. Paths are absolute, times are milliseconds. */
export type Config = {
  /** `all`: HTTP API and worker in one process. */
  role: 'all' | 'api' | 'worker'
  host: string
  /** 0 picks a free port. */
  port: number
  /** Where a process without the API shows its figures; null: nowhere. */
  metricsPort: number | null
  /** Somebody chose to listen beyond loopback although there is no authentication. */
  insecureBind: boolean
  auth: AuthConfig
  /** Origins of pages that may use the API from a browser. */
  corsOrigins: string[]
  /** Requests of each caller in a minute; 0: no limit. */
  rateLimitPerMinute: number
  /** Streams of each tenant that are open at once in this process; 0: no limit but that of the process. */
  streamsPerTenant: number
  /** Agents, tools and limits; `explicit` when WEFT_CONFIG named it, so that a missing file is a mistake. */
  agentConfig: { path: string; explicit: boolean }
  dataDir: string
  /** Null: PGlite in the data directory. */
  databaseUrl: string | null
  temporal: TemporalSettings
  logLevel: (typeof LOG_LEVELS)[number]
  /** Where traces are sent over OTLP/HTTP; null: none are made. */
  otlpEndpoint: string | null
  providers: { openai: ProviderSettings; anthropic: ProviderSettings }
  idleCloseMs: number
  continueAsNewEvery: number
  /** How long an API that was told to stop goes on serving while /health sends callers elsewhere (ms). */
  leaveMs: number
  /** How long steps and tools under way may go on in a worker that was told to stop (ms). */
  drainMs: number
  /** Which deployment and which build of it this process is; null: versions are not told apart. */
  version: { deployment: string; build_id: string } | null
  commandTimeoutMs: number
  storeTimeoutMs: number
  /** `networks`: addresses beyond the open internet that may be called. `retry`: times in ms. */
  webhooks: { networks: string[]; retry: { first_ms: number; give_up_ms: number } }
  /** Between two repairs; 0: none but those by hand. */
  reconcileIntervalMs: number
  /** How old the events of finished runs may become; null: they are kept. */
  eventRetentionMs: number | null
  /** How long after their last change threads are deleted that say nothing of it themselves; null: never. */
  threadTtlMs: number | null
  /** Where programs are looked for, in order. */
  searchPath: string[]
  /** Outlives the checkout; holds downloaded or built programs, and an empty database that new ones are copied from. */
  cacheDir: string
}

export type TemporalSettings = {
  /** `host:port`; null: an embedded server in the data directory. */
  address: string | null
  namespace: string
  apiKey: string | null
  /** Null: off, unless there is an API key. */
  tls: TlsSettings | false | null
  /** Ports of the embedded server; 0 picks a free one. */
  embedded: { port: number; uiPort: number }
}

/** Certificates are PEM, given by value or by path; null where the system's own serve. */
export type TlsSettings = {
  serverName: string | null
  serverCa: PemSource | null
  clientCert: PemSource | null
  clientKey: PemSource | null
}
export type PemSource = { data: string } | { path: string }

export type AuthConfig = {
  /** Everybody must say who they are; else only from the first key on. */
  required: boolean
  adminKey: string | null
  jwt: JwtConfig | null
}
/** Tokens of an identity provider. `tenant`: of all its tokens; null: each says it in `tenantClaim`. */
export type JwtConfig = {
  jwksUrl: string
  issuer: string
  audience: string
  algorithms: string[]
  tenantClaim: string
  tenant: string | null
  roleClaim: string
}

export type ProviderSettings = { apiKey: string | null; baseUrl: string | null; model: string | null }

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
/** Signatures made with a private key. */
const JWT_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']
const DEFAULT_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA']
const MAX_TIMER_MS = 2_147_483_647

const SCHEMA = {
  HOST: z.string().default('127.0.0.1'),
  PORT: port(3000),
  WEFT_METRICS_PORT: z
    .string()
    .regex(/^\d+$/)
    .transform(Number)
    .pipe(z.int().min(0).max(65_535))
    .optional()
    .catch(fault('a whole number from 0 to 65535')),
  WEFT_ROLE: oneOf(['all', 'api', 'worker'], 'all'),
  WEFT_INSECURE_BIND: flag,
  WEFT_AUTH: oneOf(['auto', 'required'], 'auto'),
  // Not shown: it may be a key with a mistake in it.
  WEFT_ADMIN_KEY: z
    .string()
    .regex(/^[\x21-\x7e]{32,256}$/)
    .optional()
    .catch(fault('32 to 256 printable characters without spaces; try `openssl rand -hex 32`', false)),
  WEFT_JWT_JWKS_URL: url(['http:', 'https:']),
  WEFT_JWT_ISSUER: text,
  WEFT_JWT_AUDIENCE: text,
  WEFT_JWT_ALGORITHMS: list((one) => JWT_ALGORITHMS.includes(one), `some of ${JWT_ALGORITHMS.join(', ')}`, DEFAULT_ALGORITHMS),
  WEFT_JWT_TENANT: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}$/)
    .optional()
    .catch(fault('1 to 64 letters, digits, "-", "_" or "."')),
  WEFT_JWT_TENANT_CLAIM: z.string().default('tenant'),
  WEFT_JWT_ROLE_CLAIM: z.string().default('role'),
  WEFT_CORS_ORIGINS: list(isOrigin, 'origins such as https://app.example.org, with commas between them', []),
  WEFT_RATE_LIMIT_PER_MINUTE: whole(0, 100_000_000, 60_000),
  WEFT_STREAMS_PER_TENANT: whole(0, 1_000_000, 1_000),
  WEFT_CONFIG: text,
  WEFT_DATA_DIR: z.string().default('.weft'),
  DATABASE_URL: url(['postgres:', 'postgresql:']),
  TEMPORAL_ADDRESS: z
    .string()
    .regex(/^(\[[^\]]+\]|[^\s:/]+):\d{1,5}$/)
    .optional()
    .catch(fault('host:port, for example 127.0.0.1:7233')),
  TEMPORAL_NAMESPACE: z.string().default('default'),
  TEMPORAL_API_KEY: text,
  TEMPORAL_TLS: flag,
  TEMPORAL_TLS_SERVER_NAME: text,
  TEMPORAL_TLS_SERVER_CA_CERT_DATA: text,
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: text,
  TEMPORAL_TLS_CLIENT_CERT_DATA: text,
  TEMPORAL_TLS_CLIENT_CERT_PATH: text,
  TEMPORAL_TLS_CLIENT_KEY_DATA: text,
  TEMPORAL_TLS_CLIENT_KEY_PATH: text,
  WEFT_TEMPORAL_PORT: port(7233),
  WEFT_TEMPORAL_UI_PORT: port(8233),
  LOG_LEVEL: oneOf(LOG_LEVELS, 'info'),
  // The exporter reads further variables of OpenTelemetry's itself, such as OTEL_EXPORTER_OTLP_HEADERS.
  OTEL_EXPORTER_OTLP_ENDPOINT: url(['http:', 'https:']),
  OPENAI_API_KEY: text,
  OPENAI_BASE_URL: url(['http:', 'https:']),
  OPENAI_MODEL: text,
  ANTHROPIC_API_KEY: text,
  ANTHROPIC_BASE_URL: url(['http:', 'https:']),
  ANTHROPIC_MODEL: text,
  WEFT_IDLE_CLOSE_MS: whole(1, MAX_TIMER_MS, 600_000),
  WEFT_CONTINUE_AS_NEW_EVERY: whole(0, 1_000_000, 0),
  WEFT_COMMAND_TIMEOUT_MS: whole(1, MAX_TIMER_MS, 5_000),
  WEFT_LEAVE_MS: whole(0, 3_600_000, 0),
  WEFT_DRAIN_MS: whole(0, 3_600_000, 2_000),
  WEFT_DEPLOYMENT: versionName,
  WEFT_BUILD_ID: versionName,
  WEFT_STORE_TIMEOUT_MS: whole(1, MAX_TIMER_MS, 900),
  WEFT_WEBHOOK_NETWORKS: z
    .string()
    .default('')
    .transform((value) => value.split(/[\s,]+/).filter((network) => network !== ''))
    .refine((networks) => networks.every(isNetwork))
    .catch(fault('IP addresses or networks with commas between, for example 10.0.0.0/8')),
  WEFT_WEBHOOK_RETRY_MS: whole(1, MAX_TIMER_MS, 5_000),
  WEFT_WEBHOOK_GIVE_UP_MS: whole(1, MAX_TIMER_MS, 86_400_000),
  WEFT_RECONCILE_INTERVAL_MS: whole(0, MAX_TIMER_MS, 3_600_000),
  WEFT_EVENT_RETENTION: duration,
  WEFT_THREAD_TTL: duration,
}
type Variables = { [K in keyof typeof SCHEMA]: z.output<(typeof SCHEMA)[K]> }

/**
 * Reads `.env` of the working directory (variables that are set already win) and then the environment.
 * Throws `ConfigError`.
 */
export function loadConfig(): Config {
  const path = resolve('.env')
  if (existsSync(path)) loadDotenv({ path, quiet: true })
  return readConfig(process.env)
}

/** Where the command line finds the service: WEFT_API, of `.env` too. */
export function apiAddress(): string {
  const path = resolve('.env')
  if (existsSync(path)) loadDotenv({ path, quiet: true })
  return process.env['WEFT_API']?.trim() || 'http://127.0.0.1:3000'
}

/** The header by which the command line says who it is: the key WEFT_API_KEY, if there is one. */
export function apiCredentials(): Record<string, string> {
  const key = process.env['WEFT_API_KEY']?.trim()
  return key === undefined || key === '' ? {} : { authorization: `Bearer ${key}` }
}

/** This process's environment for a child, with some variables set on top. */
export function childEnvironment(extra: Record<string, string>): Record<string, string | undefined> {
  return { ...process.env, ...extra }
}

/** What `env` says, with defaults. An empty variable counts as not set. Throws `ConfigError` with every mistake. */
export function readConfig(env: Record<string, string | undefined>, cwd: string = process.cwd()): Config {
  const vars = parseVariables(env)
  const mistakes = contradictions(vars)
  if (mistakes.length > 0) throw new ConfigError(mistakes.join('\n'))
  return {
    role: vars.WEFT_ROLE,
    host: vars.HOST,
    port: vars.PORT,
    metricsPort: vars.WEFT_METRICS_PORT ?? null,
    insecureBind: vars.WEFT_INSECURE_BIND ?? false,
    auth: { required: vars.WEFT_AUTH === 'required', adminKey: vars.WEFT_ADMIN_KEY ?? null, jwt: readJwt(vars) },
    corsOrigins: vars.WEFT_CORS_ORIGINS,
    rateLimitPerMinute: vars.WEFT_RATE_LIMIT_PER_MINUTE,
    streamsPerTenant: vars.WEFT_STREAMS_PER_TENANT,
    agentConfig: { path: resolve(cwd, vars.WEFT_CONFIG ?? 'weft.config.ts'), explicit: vars.WEFT_CONFIG !== undefined },
    dataDir: resolve(cwd, vars.WEFT_DATA_DIR),
    databaseUrl: vars.DATABASE_URL ?? null,
    temporal: {
      address: vars.TEMPORAL_ADDRESS ?? null,
      namespace: vars.TEMPORAL_NAMESPACE,
      apiKey: vars.TEMPORAL_API_KEY ?? null,
      tls: readTls(vars, cwd),
      embedded: { port: vars.WEFT_TEMPORAL_PORT, uiPort: vars.WEFT_TEMPORAL_UI_PORT },
    },
    logLevel: vars.LOG_LEVEL,
    otlpEndpoint: vars.OTEL_EXPORTER_OTLP_ENDPOINT ?? null,
    providers: {
      openai: provider(vars.OPENAI_API_KEY, vars.OPENAI_BASE_URL, vars.OPENAI_MODEL),
      anthropic: provider(vars.ANTHROPIC_API_KEY, vars.ANTHROPIC_BASE_URL, vars.ANTHROPIC_MODEL),
    },
    idleCloseMs: vars.WEFT_IDLE_CLOSE_MS,
    continueAsNewEvery: vars.WEFT_CONTINUE_AS_NEW_EVERY,
    commandTimeoutMs: vars.WEFT_COMMAND_TIMEOUT_MS,
    leaveMs: vars.WEFT_LEAVE_MS,
    drainMs: vars.WEFT_DRAIN_MS,
    version:
      vars.WEFT_BUILD_ID === undefined ? null : { deployment: vars.WEFT_DEPLOYMENT ?? 'weft', build_id: vars.WEFT_BUILD_ID },
    storeTimeoutMs: vars.WEFT_STORE_TIMEOUT_MS,
    webhooks: {
      networks: vars.WEFT_WEBHOOK_NETWORKS,
      retry: { first_ms: vars.WEFT_WEBHOOK_RETRY_MS, give_up_ms: vars.WEFT_WEBHOOK_GIVE_UP_MS },
    },
    reconcileIntervalMs: vars.WEFT_RECONCILE_INTERVAL_MS,
    eventRetentionMs: vars.WEFT_EVENT_RETENTION ?? null,
    threadTtlMs: vars.WEFT_THREAD_TTL ?? null,
    searchPath: (env['PATH'] ?? env['Path'] ?? '').split(delimiter).filter((directory) => directory !== ''),
    cacheDir: cacheDir(env),
  }
}

function parseVariables(env: Record<string, string | undefined>): Variables {
  const values: Record<string, unknown> = {}
  const mistakes: string[] = []
  for (const [name, schema] of Object.entries(SCHEMA)) {
    const value = env[name]?.trim()
    try {
      values[name] = schema.parse(value === '' ? undefined : value)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      mistakes.push(`${name} ${error.message}`)
    }
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes.join('\n'))
  return values as Variables
}

/** Values that are fine alone but not together. */
function contradictions(vars: Variables): string[] {
  const mistakes: string[] = []
  if (vars.WEFT_ROLE !== 'all') {
    for (const name of ['DATABASE_URL', 'TEMPORAL_ADDRESS'] as const) {
      if (vars[name] !== undefined) continue
      mistakes.push(
        `WEFT_ROLE=${vars.WEFT_ROLE} needs ${name}, because only one process can use an embedded server's data directory.`,
      )
    }
  }
  const guarded = vars.WEFT_AUTH === 'required' || vars.WEFT_ADMIN_KEY !== undefined || vars.WEFT_JWT_JWKS_URL !== undefined
  if (vars.WEFT_ROLE !== 'worker' && !isLoopback(vars.HOST) && !guarded && vars.WEFT_INSECURE_BIND !== true) {
    mistakes.push(
      `HOST=${vars.HOST} would open the API to other machines without authentication; use 127.0.0.1, or set WEFT_AUTH=required (and make keys with "weft keys create"), or WEFT_INSECURE_BIND=1 where something else guards the port.`,
    )
  }
  mistakes.push(...jwtMistakes(vars), ...retentionMistakes(vars))
  if (vars.WEFT_BUILD_ID === undefined && vars.WEFT_DEPLOYMENT !== undefined)
    mistakes.push('WEFT_DEPLOYMENT needs WEFT_BUILD_ID, which tells one version of the deployment from the next.')
  if (vars.WEFT_BUILD_ID !== undefined && vars.TEMPORAL_ADDRESS === undefined)
    mistakes.push('WEFT_BUILD_ID is for a Temporal server of its own (TEMPORAL_ADDRESS): the embedded one runs one version.')
  if (vars.WEFT_ROLE !== 'worker' && vars.WEFT_METRICS_PORT !== undefined)
    mistakes.push('WEFT_METRICS_PORT is for WEFT_ROLE=worker; a process with the API shows its figures at /metrics.')
  const cert = vars.TEMPORAL_TLS_CLIENT_CERT_DATA ?? vars.TEMPORAL_TLS_CLIENT_CERT_PATH
  const key = vars.TEMPORAL_TLS_CLIENT_KEY_DATA ?? vars.TEMPORAL_TLS_CLIENT_KEY_PATH
  if ((cert === undefined) !== (key === undefined)) {
    mistakes.push('TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH (or their _DATA) must be set together.')
  }
  return mistakes
}

/** What is dropped before its time takes something else with it. */
function retentionMistakes(vars: Variables): string[] {
  const { WEFT_EVENT_RETENTION: retention, WEFT_WEBHOOK_GIVE_UP_MS: give_up, WEFT_THREAD_TTL: ttl } = vars
  const mistakes: string[] = []
  if (retention !== undefined && retention < give_up)
    mistakes.push(
      `WEFT_EVENT_RETENTION (${String(retention)} ms) must not be shorter than WEFT_WEBHOOK_GIVE_UP_MS (${String(give_up)} ms): deliveries to webhooks that are still tried would fail, since the event they tell of is gone.`,
    )
  if (ttl === 0) mistakes.push('WEFT_THREAD_TTL must be longer than nothing, or not be set: 0 would delete every thread at rest.')
  return mistakes
}

/** An identity provider's tokens: half a configuration would take tokens that are meant for somebody else. */
function jwtMistakes(vars: Variables): string[] {
  const { WEFT_JWT_JWKS_URL: jwks, WEFT_JWT_ISSUER: issuer, WEFT_JWT_AUDIENCE: audience } = vars
  const set = [jwks, issuer, audience].filter((value) => value !== undefined).length
  if (set !== 0 && set !== 3) return ['WEFT_JWT_JWKS_URL, WEFT_JWT_ISSUER and WEFT_JWT_AUDIENCE must be set together.']
  if (jwks === undefined || new URL(jwks).protocol === 'https:' || isLoopback(new URL(jwks).hostname)) return []
  return ['WEFT_JWT_JWKS_URL must start with https://: whoever can change what it answers can be anybody.']
}

function readJwt(vars: Variables): JwtConfig | null {
  const { WEFT_JWT_JWKS_URL: jwksUrl, WEFT_JWT_ISSUER: issuer, WEFT_JWT_AUDIENCE: audience } = vars
  if (jwksUrl === undefined || issuer === undefined || audience === undefined) return null
  const { WEFT_JWT_ALGORITHMS: algorithms, WEFT_JWT_TENANT_CLAIM: tenantClaim, WEFT_JWT_ROLE_CLAIM: roleClaim } = vars
  return { jwksUrl, issuer, audience, algorithms, tenantClaim, roleClaim, tenant: vars.WEFT_JWT_TENANT ?? null }
}

/** Whether only this machine can reach the host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}

function readTls(vars: Variables, cwd: string): TlsSettings | false | null {
  if (vars.TEMPORAL_TLS === false) return false
  const pem = (data: string | undefined, path: string | undefined): PemSource | null =>
    data !== undefined ? { data } : path !== undefined ? { path: resolve(cwd, path) } : null
  const tls: TlsSettings = {
    serverName: vars.TEMPORAL_TLS_SERVER_NAME ?? null,
    serverCa: pem(vars.TEMPORAL_TLS_SERVER_CA_CERT_DATA, vars.TEMPORAL_TLS_SERVER_CA_CERT_PATH),
    clientCert: pem(vars.TEMPORAL_TLS_CLIENT_CERT_DATA, vars.TEMPORAL_TLS_CLIENT_CERT_PATH),
    clientKey: pem(vars.TEMPORAL_TLS_CLIENT_KEY_DATA, vars.TEMPORAL_TLS_CLIENT_KEY_PATH),
  }
  const named = Object.values(tls).some((value) => value !== null)
  return vars.TEMPORAL_TLS === true || named ? tls : null
}

function provider(apiKey: string | undefined, baseUrl: string | undefined, model: string | undefined): ProviderSettings {
  return { apiKey: apiKey ?? null, baseUrl: baseUrl ?? null, model: model ?? null }
}

function cacheDir(env: Record<string, string | undefined>): string {
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'weft')
  if (process.platform === 'win32') return join(env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'), 'weft')
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'weft')
}
