import type { RequestListener, Server } from 'node:http'
import { createServer } from 'node:http'
import { portError } from '../temporal/embedded/ports.ts'

export type Listener = {
  /** `http://host:port` */
  address: string
  /** Takes no more connections, drops idle ones, and waits for the requests under way. */
  close(): Promise<void>
}

/** Serves the app on a TCP port; 0 picks a free one. Throws `StartError` when the port cannot be had. */
export async function listen(app: RequestListener, host: string, port: number, variable = 'PORT'): Promise<Listener> {
  const server = createServer(app)
  // A stream stays open for as long as somebody watches.
  server.requestTimeout = 0
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
