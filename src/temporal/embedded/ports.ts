import { createServer } from 'node:net'
import { StartError } from '../../start-error.ts'

const LOOPBACK = '127.0.0.1'

/** A port of 127.0.0.1 that was free a moment ago. */
export function freePort(): Promise<number> {
  return probe(0, LOOPBACK)
}

/** `port` if it is free on the host, a free one for 0. Throws `StartError` naming `what` and the `variable` to change. */
export async function claimPort(port: number, what: string, variable: string, host: string = LOOPBACK): Promise<number> {
  try {
    return await probe(port, host)
  } catch (error) {
    throw portError(error, port, what, variable)
  }
}

/** One sentence about a port that cannot be listened on; any other error as it is. */
export function portError(error: unknown, port: number, what: string, variable: string): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'EADDRINUSE') {
    return new StartError(`Port ${port} for ${what} is taken by another program; set ${variable} to a free port (0 picks one).`)
  }
  if (code === 'EACCES') {
    return new StartError(`Port ${port} for ${what} may not be used by this user; set ${variable} to another port (0 picks one).`)
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new StartError(
      `This machine has no address ${(error as { hostname?: string; address?: string }).hostname ?? (error as { address?: string }).address} for ${what} to listen on; correct HOST.`,
    )
  }
  return error
}

function probe(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port))
    })
  })
}
