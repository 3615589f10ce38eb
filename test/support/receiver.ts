import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JsonObject } from '../../src/thread/json.ts'

export type Told = {
  delivery: string
  attempt: number
  body: JsonObject & { type: string; data: JsonObject }
  valid: boolean
  at: number
}
/** Gives the status of the n-th answer (from 1), or null to keep the caller waiting; `headers` go with it. */
export type Answerer = (told: Told, n: number) => { status: number; headers?: Record<string, string> } | null

/** A webhook's receiver, which checks signatures as docs/webhooks.md says. `secret` may be set later. */
export async function startReceiver(answer: Answerer = () => ({ status: 200 })) {
  const told: Told[] = []
  const receiver = { url: '', secret: '', told, answer, hosts: [] as string[], close: () => Promise.resolve() }
  const server = createServer((request, response) => {
    void (async () => {
      let text = ''
      for await (const chunk of request) text += String(chunk)
      receiver.hosts.push(request.headers.host ?? '')
      const header = String(request.headers['weft-signature'])
      told.push({
        delivery: String(request.headers['weft-delivery']),
        attempt: Number(request.headers['weft-attempt']),
        body: JSON.parse(text),
        valid: isSigned(receiver.secret, header, text),
        at: Date.now(),
      })
      const given = receiver.answer(told.at(-1) as Told, told.length)
      if (given !== null) response.writeHead(given.status, given.headers).end()
    })()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  receiver.url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/hook`
  receiver.close = () =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return receiver
}
export type Receiver = Awaited<ReturnType<typeof startReceiver>>

/** Written from the page, not from the sender's code. */
export function isSigned(secret: string, header: string, body: string, now = Date.now()): boolean {
  const parts = new Map(header.split(',').map((part) => part.split('=') as [string, string]))
  const seconds = Number(parts.get('t'))
  if (!(Math.abs(now / 1_000 - seconds) < 300)) return false
  const expected = createHmac('sha256', secret)
    .update(`${String(seconds)}.${body}`)
    .digest()
  const given = Buffer.from(parts.get('v1') ?? '', 'hex')
  return given.length === expected.length && timingSafeEqual(given, expected)
}
