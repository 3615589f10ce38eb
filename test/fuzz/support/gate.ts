import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { kept } from './inside.ts'

/** A stream that has said nothing for so long is ended: a generator of requests would wait for its end. */
const QUIET_MS = 150
/** What has not been answered by then waits for something that nobody will do; a command may take five seconds to be refused. */
const PATIENCE_MS = 8_000

/** What comes bit by bit. */
const STREAMS = ['text/event-stream', 'application/x-ndjson']

/** One answer. `stream`: all of a stream's text, null for other answers; `cut`: it was the gate that ended it. */
export type Passed = { method: string; path: string; status: number; type: string; stream: string | null; cut: boolean }

export type Gate = {
  url: string
  /** How many requests have been answered. */
  count(): number
  close(): Promise<void>
}

/**
 * Stands between a generator of requests and the service: hands on everything but where webhooks go, counts, and ends what would keep the
 * generator waiting. `passed` is told of every answer.
 */
export async function openGate(target: string, passed: (one: Passed) => void): Promise<Gate> {
  const { hostname, port } = new URL(target)
  let count = 0
  const server = createServer((req, res) => {
    const pieces: Buffer[] = []
    req.on('data', (piece: Buffer) => pieces.push(piece))
    req.once('end', () => {
      forward({ hostname, port }, req, Buffer.concat(pieces), res, (answer) => {
        count += 1
        passed({ method: req.method ?? '', path: req.url ?? '', ...answer })
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    count: () => count,
    close: () => closed(server),
  }
}

type Told = Pick<Passed, 'status' | 'type' | 'stream' | 'cut'>

function forward(
  to: { hostname: string; port: string },
  req: IncomingMessage,
  given: Buffer,
  res: ServerResponse,
  told: (of: Told) => void,
): void {
  const { method = '', url: path = '', rawHeaders } = req
  const body = Buffer.from(kept(method, path, given.toString('latin1')), 'latin1')
  const headers = rawHeaders.map((value, index) =>
    /^content-length$/i.test(rawHeaders[index - 1] ?? '') && index % 2 === 1 ? String(body.length) : value,
  )
  const out = request({ ...to, method, path, headers, setHost: false })
  const patience = setTimeout(() => {
    out.destroy()
    late(res)
    told({ status: 408, type: 'application/problem+json', stream: null, cut: true })
  }, PATIENCE_MS)
  out.on('error', () => {
    clearTimeout(patience)
    if (!res.writableEnded) res.destroy()
  })
  out.on('response', (answer) => {
    clearTimeout(patience)
    const { statusCode: status = 0 } = answer
    const type = (answer.headers['content-type'] ?? '').split(';')[0] ?? ''
    res.writeHead(status, answer.rawHeaders)
    if (!STREAMS.includes(type)) {
      answer.pipe(res)
      answer.once('end', () => told({ status, type, stream: null, cut: false }))
      return
    }
    let text = ''
    let quiet: NodeJS.Timeout
    const end = (cut: boolean): void => {
      clearTimeout(quiet)
      if (res.writableEnded) return
      res.end()
      out.destroy()
      told({ status, type, stream: text, cut })
    }
    const wait = (): void => {
      clearTimeout(quiet)
      quiet = setTimeout(end, QUIET_MS, true)
    }
    wait()
    answer.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      res.write(chunk)
      wait()
    })
    answer.once('end', () => end(false))
  })
  out.end(body)
  res.once('close', () => out.destroy())
}

/** As the service itself answers where it has waited for long enough. */
function late(res: ServerResponse): void {
  if (res.headersSent) return
  const detail = 'Nothing came of it in time.'
  const body = { type: '/docs/errors#wait_timeout', title: 'Late', status: 408, detail, code: 'wait_timeout', error: detail }
  res.writeHead(408, { 'content-type': 'application/problem+json' }).end(JSON.stringify(body))
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
