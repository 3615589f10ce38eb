import type { RequestListener, Server } from 'node:http'
import { createServer } from 'node:http'
import { portError } from '../temporal/embedded/ports.ts'

/** How long a client may take over things that cost it nothing (ms). Answers may take as long as they like. */
export type Patience = {
  /** From the connection, or from the first byte of a further request, to the end of its headers. */
  headers_ms: number
  /** To the end of its body. */
  request_ms: number
  /** Without a request on an open connection. */
  idle_ms: number
  /** How often this is looked at. */
  check_ms: number
}

const PATIENCE: Patience = { headers_ms: 15_000, request_ms: 60_000, idle_ms: 65_000, check_ms: 2_000 }

export type Listener = {
  /** `http://host:port` */
  address: string
  /** Takes no more connections, drops idle ones, and waits for the requests under way. */
  close(): Promise<void>
}

/** Serves the app on a TCP port; 0 picks a free one. Throws `StartError` when the port cannot be had. */
export async function listen(
  app: RequestListener,
  host: string,
  port: number,
  { variable = 'PORT', patience = PATIENCE }: { variable?: string; patience?: Patience } = {},
): Promise<Listener> {
  const { headers_ms, request_ms, idle_ms, check_ms } = patience
  const server = createServer(
    {
      headersTimeout: headers_ms,
      // Of the request only: a stream stays open for as long as somebody watches.
      requestTimeout: request_ms,
      // Longer than what usually stands in front keeps its connections, which would else meet a closed one.
      keepAliveTimeout: idle_ms,
      connectionsCheckingInterval: check_ms,
    },
    app,
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(portError(error, port, variable === 'PORT' ? 'the API' : 'the metrics', variable)))
    server.listen(port, host, resolve)
  })
  return { address: `http://${urlHost(host)}:${boundPort(server)}`, close: () => close(server) }
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  await closed
}

function boundPort(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** An address that a client on this machine can use. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}
