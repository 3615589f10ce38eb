import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listen, type Listener } from '../../src/program/listen.ts'

/** A real server with little patience, and sockets that take their time. */
let server: Listener
let served = 0
beforeAll(async () => {
  const patience = { headers_ms: 300, request_ms: 600, idle_ms: 300, check_ms: 50 }
  const app = (req: NodeJS.ReadableStream, res: { end(text: string): void; write(text: string): void }): void => {
    served += 1
    req.resume().on('end', () => {
      // Longer than anybody may take over a request.
      res.write('first ')
      setTimeout(() => res.end('last'), 1_200)
    })
  }
  server = await listen(app as never, '127.0.0.1', 0, { patience })
})
afterAll(() => server.close())

type Met = { text: string; after_ms: number }
/** Sends this, then dribbles for as long as the server lets it; what came back, and when it was cut off. */
async function meet(start: string, dribble: string | null): Promise<Met> {
  const began = performance.now()
  const socket: Socket = connect(Number(new URL(server.address).port), '127.0.0.1')
  let text = ''
  socket.on('data', (chunk) => (text += chunk.toString()))
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  if (start !== '') socket.write(start)
  const timer = dribble === null ? undefined : setInterval(() => socket.write(dribble), 40)
  // Not `once`, which takes a reset for a failure: that is one way to be cut off.
  await new Promise((resolve) => socket.once('close', resolve))
  clearInterval(timer)
  return { text, after_ms: performance.now() - began }
}

describe('who keeps the server waiting is cut off', () => {
  it.each<[string, string, string | null, number]>([
    ['says nothing at all', '', null, 300],
    ['sends headers one by one for ever', 'GET / HTTP/1.1\r\nhost: x\r\n', 'x-a: b\r\n', 300],
    ['stops in the middle of a header', 'GET / HTTP/1.1\r\nho', null, 300],
    ['sends a body byte by byte', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n', 'x', 600],
    ['never ends a chunk', 'POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nffff\r\n', 'x', 600],
  ])('%s', async (_, start, dribble, wanted) => {
    const before = served
    const { text, after_ms } = await meet(start, dribble)
    expect(text).toMatch(/^(HTTP\/1\.1 408 |$)/)
    expect(after_ms).toBeGreaterThanOrEqual(wanted - 50)
    expect(after_ms).toBeLessThan(wanted + 2_000)
    expect(served - before).toBeLessThanOrEqual(1)
  })

  it('after an answer, who asks for nothing more', async () => {
    const { text, after_ms } = await meet('GET / HTTP/1.1\r\nhost: x\r\n\r\n', null)
    expect(text).toMatch(/^HTTP\/1\.1 200 /)
    expect(text).toContain('last')
    expect(after_ms).toBeGreaterThan(1_400)
    expect(after_ms).toBeLessThan(5_000)
  })
})

it('an answer may take its time', async () => {
  expect(await (await fetch(server.address)).text()).toBe('first last')
})
