import { connect } from 'node:net'

/** A request byte by byte: no client's library puts anything right. Header values and the target are Latin-1. */
export type RawRequest = {
  method: string
  target: string
  headers: readonly (readonly [name: string, value: string])[]
  body?: string | Buffer
}
/** `status` 0: the connection was closed without an answer. A stream's body is what came with its head. */
export type RawAnswer = { status: number; headers: Record<string, string>; body: string }

const PATIENCE_MS = 20_000
/** How long a stream is read after its head has come. */
const STREAM_MS = 40

/** Sends a request on a connection of its own. Rejects when nothing comes in time. */
export function exchange(url: string, { method, target, headers, body = '' }: RawRequest): Promise<RawAnswer> {
  const { hostname, port, host } = new URL(url)
  const given = new Set(headers.map(([name]) => name.toLowerCase()))
  const bytes = Buffer.from(body as string)
  const usual: [string, string][] = [
    ['host', host],
    ['connection', 'close'],
    ['content-length', String(bytes.length)],
  ]
  const needed = usual.filter(([name]) => !given.has(name) && (name !== 'content-length' || !given.has('transfer-encoding')))
  const lines = [...needed, ...headers].map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const head = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, 'latin1')
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    const pieces: Buffer[] = []
    const late = setTimeout(() => socket.destroy(new Error(`no end of the answer to ${method} ${target}`)), PATIENCE_MS)
    let failed: Error | null = null
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A server that has refused need not read the rest.
      if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') failed = error
    })
    let streams = false
    socket.on('data', (piece: Buffer) => {
      pieces.push(piece)
      if (streams || !/^content-type: text\/event-stream/im.test(Buffer.concat(pieces).toString('latin1'))) return
      streams = true
      setTimeout(() => socket.destroy(), STREAM_MS)
    })
    socket.on('close', () => {
      clearTimeout(late)
      if (failed === null) resolve(parse(Buffer.concat(pieces)))
      else reject(failed)
    })
    socket.write(head)
    socket.write(bytes)
  })
}

function parse(answer: Buffer): RawAnswer {
  const end = answer.indexOf('\r\n\r\n')
  if (end < 0) return { status: 0, headers: {}, body: '' }
  const [first = '', ...lines] = answer.subarray(0, end).toString('latin1').split('\r\n')
  const status = Number(first.split(' ')[1])
  const rest = answer.subarray(end + 4)
  // The word to go on, before the answer itself.
  if (status === 100) return parse(rest)
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const body = headers['transfer-encoding'] === 'chunked' ? unchunked(rest) : rest
  return { status, headers, body: body.toString('utf8') }
}

function unchunked(bytes: Buffer): Buffer {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.subarray(at, end).toString('latin1'), 16)
    if (end < 0 || !(size > 0)) break
    pieces.push(bytes.subarray(end + 2, end + 2 + size))
    at = end + 2 + size + 2
  }
  return Buffer.concat(pieces)
}
