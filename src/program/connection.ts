import { readFileSync } from 'node:fs'
import { Connection, type TLSConfig } from '@temporalio/client'
import { NativeConnection } from '@temporalio/worker'
import type { PemSource, TemporalSettings } from '../config.ts'
import { SEARCH_ATTRIBUTES } from '../temporal/embedded/arguments.ts'
import type { KnownAttributes } from '../temporal/first-attributes.ts'
import { retriesOfCalls } from '../temporal/retries.ts'
import { StartError } from '../start-error.ts'

const CONNECT_WAIT_MS = 5_000
const TENANT: keyof typeof SEARCH_ATTRIBUTES = 'WeftTenant'
/**
 * A connection that something on the way has dropped is silent and nothing else, and every command on it waits in vain
 * until a ping has had no answer. The SDK asks every 30 s and waits 15 s. Servers allow one ping in ten seconds
 * (`frontend.keepAliveMinTime`) and hang up on whoever asks more often. After an outage the SDK's channel would wait for
 * up to two minutes before it tries again, and every command would be refused meanwhile.
 */
const CHANNEL = {
  'grpc.keepalive_time_ms': 12_000,
  'grpc.keepalive_timeout_ms': 4_000,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 2_000,
}

/** How both kinds of the SDK's connections are opened. */
export type ConnectionOptions = { address: string; tls: TLSConfig | boolean; apiKey?: string }

/** Reads certificates. Throws `StartError` for a file that cannot be read. */
export function connectionOptions(settings: TemporalSettings, address: string): ConnectionOptions {
  const { apiKey, tls } = settings
  return { address, tls: tls === null ? apiKey !== null : tls && tlsConfig(tls), ...(apiKey === null ? {} : { apiKey }) }
}

/** For the gateway. Throws `StartError` when Temporal does not answer or has no such namespace. */
export async function openConnection(options: ConnectionOptions, namespace: string): Promise<Connection> {
  try {
    const connection = await Connection.connect({
      ...options,
      channelArgs: CHANNEL,
      connectTimeout: CONNECT_WAIT_MS,
      interceptors: retriesOfCalls(),
    })
    await connection.workflowService.describeNamespace({ namespace })
    return connection
  } catch (error) {
    throw unreachable(options.address, namespace, error)
  }
}

/** For a worker. Throws `StartError` as `openConnection` does. */
export async function openNativeConnection(options: ConnectionOptions, namespace: string): Promise<NativeConnection> {
  return NativeConnection.connect(options).catch((error: unknown) => {
    throw unreachable(options.address, namespace, error)
  })
}

/**
 * By what threads can be found. On clusters of others somebody has to register the attributes; where the tenant's was
 * not registered with the others, an earlier version did, and the others still count.
 */
export async function searchAttributes(connection: Connection, namespace: string): Promise<KnownAttributes> {
  const known = await connection.operatorService.listSearchAttributes({ namespace }).catch(() => null)
  const missing = Object.keys(SEARCH_ATTRIBUTES).filter((name) => !(name in (known?.customAttributes ?? {})))
  return { search_attributes: missing.every((name) => name === TENANT), tenant_attribute: missing.length === 0 }
}

function tlsConfig(tls: Exclude<TemporalSettings['tls'], false | null>): TLSConfig {
  const { serverName, serverCa, clientCert, clientKey } = tls
  return {
    ...(serverName === null ? {} : { serverNameOverride: serverName }),
    ...(serverCa === null ? {} : { serverRootCACertificate: pem(serverCa) }),
    ...(clientCert === null || clientKey === null ? {} : { clientCertPair: { crt: pem(clientCert), key: pem(clientKey) } }),
  }
}

function pem(source: PemSource): Buffer {
  if ('data' in source) return Buffer.from(source.data)
  try {
    return readFileSync(source.path)
  } catch (error) {
    throw new StartError(`The certificate file ${source.path} cannot be read: ${(error as Error).message}.`)
  }
}

function unreachable(address: string, namespace: string, error: unknown): StartError {
  const { code, details, message } = error as { code?: number; details?: string; message: string }
  const NOT_FOUND = 5
  if (code === NOT_FOUND)
    return new StartError(`Temporal at ${address} has no namespace "${namespace}"; create it or set TEMPORAL_NAMESPACE.`)
  return new StartError(
    `Temporal at ${address} cannot be reached (${(details || message).split('\n')[0]}); see TEMPORAL_ADDRESS.`,
  )
}
