import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** Passes connections on, and can forget those that stand, as a firewall or a NAT does that has dropped its table. */
export type Forgetful = {
  /** `127.0.0.1:<port>` */
  address: string
  /** What is connected now stays connected and hears nothing more, for ever; new connections are as good as ever. */
  forget(): void
  close(): Promise<void>
}

/** `to`: `host:port` */
export async function startForgetful(to: string): Promise<Forgetful> {
  const [host = '', port = ''] = to.split(':')
  const pairs = new Set<[Socket, Socket]>()
  const silent = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true })
    const pair: [Socket, Socket] = [near, far]
    pairs.add(pair)
    for (const [from, other] of [pair, [far, near] as const]) {
      from.pipe(other)
      from.on('error', () => {
        if (!silent.has(from)) other.resetAndDestroy()
      })
      from.on('close', () => {
        if (!silent.has(from)) other.destroySoon()
        if (near.destroyed && far.destroyed) pairs.delete(pair)
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    forget() {
      for (const pair of pairs) {
        for (const socket of pair) {
          silent.add(socket)
          socket.unpipe()
          // Swallowed, or the sender would feel the pressure.
          socket.resume()
        }
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const pair of pairs) for (const socket of pair) socket.destroy()
      }),
  }
}
