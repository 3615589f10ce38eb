import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export type CuttingProxy = {
  url: string
  /** Connections that were cut after some byte of the answer. */
  cuts(): number
  /** Of those, the ones in the middle of the answer's head. */
  cutsInHead(): number
  /** Those that came while `noted` was true. */
  cutsNoted(): number
  /** Lets everything through from now on. */
  calm(): void
  close(): Promise<void>
}

/** Of the cuts, so many fall where the answer's head still is. */
const EARLY = 0.15
const EARLY_BYTES = 700

/**
 * Hands each connection to one of the ports, by chance, and cuts it after a random number of bytes of the answer: by a
 * reset or by an early end. A port where nobody listens is a cut too, but is not counted.
 */
export async function startCuttingProxy(options: {
  ports: () => readonly number[]
  random: () => number
  /** The most bytes that one connection lets through. */
  most: number
  noted: () => boolean
}): Promise<CuttingProxy> {
  const { ports, random, most, noted } = options
  const sockets = new Set<Socket>()
  let cuts = 0
  let cutsInHead = 0
  let cutsNoted = 0
  let calm = false
  const server = createServer((near) => {
    const choice = ports()
    const far = connect(choice[Math.floor(random() * choice.length)] ?? 0, '127.0.0.1')
    let left = Math.floor(random() * (random() < EARLY ? EARLY_BYTES : most))
    let head = ''
    const unlimited = calm
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.on('data', (bytes) => far.write(bytes))
    far.on('end', () => near.end())
    far.on('data', (bytes) => {
      if (unlimited || bytes.length <= left) {
        left -= bytes.length
        if (!head.includes('\r\n\r\n')) head += bytes.toString('latin1')
        near.write(bytes)
        return
      }
      const last = bytes.subarray(0, left)
      cuts += 1
      if (noted()) cutsNoted += 1
      if (!(head + last.toString('latin1')).includes('\r\n\r\n')) cutsInHead += 1
      far.destroy()
      // What has been written still goes out before the end, and mostly not before a reset.
      if (random() < 0.5) near.end(last)
      else near.write(last, () => near.resetAndDestroy())
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    cuts: () => cuts,
    cutsInHead: () => cutsInHead,
    cutsNoted: () => cutsNoted,
    calm: () => void (calm = true),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
