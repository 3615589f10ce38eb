import { readFileSync } from 'node:fs'
import { Connection, type TLSConfig } from '@temporalio/client'
import { NativeConnection } from '@temporalio/worker'
import type { PemSource, TemporalSettings } from '../config.ts'
import { SEARCH_ATTRIBUTES } from '../temporal/embedded/arguments.ts'
import { retriesOfCalls } from '../temporal/retries.ts'
import { StartError } from '../start-error.ts'

const CONNECT_WAIT_MS = 5_000

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
    const connection = await Connection.connect({ ...options, connectTimeout: CONNECT_WAIT_MS, interceptors: retriesOfCalls() })
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

/** Whether threads can be found by their status. On clusters of others somebody has to register the attributes. */
export async function hasSearchAttributes(connection: Connection, namespace: string): Promise<boolean> {
  const known = await connection.operatorService.listSearchAttributes({ namespace }).catch(() => null)
  return Object.keys(SEARCH_ATTRIBUTES).every((name) => name in (known?.customAttributes ?? {}))
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
