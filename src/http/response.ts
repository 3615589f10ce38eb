import type { Response } from 'express'
import type { LineSink } from './streams/lines.ts'
import type { FrameSink } from './streams/sse.ts'

/** What a handler returns; only `sendResponse` and the stream opener touch Express. */
export type HttpResponse =
  | { kind: 'json'; status: number; body: object; headers?: Record<string, string> }
  | { kind: 'text'; status: number; body: string; type: string; headers?: Record<string, string> }
  /** A long answer, written line by line as there is room for it. */
  | { kind: 'lines'; type: string; headers?: Record<string, string>; run: (sink: LineSink) => Promise<void> }
  | { kind: 'empty'; status: 204 | 304; headers?: Record<string, string> }
  /** An open stream; `run` writes frames until it returns or the sink's signal fires. */
  | { kind: 'stream'; headers?: Record<string, string>; run: (sink: FrameSink) => Promise<void> }

export function json(body: object, status = 200, headers?: Record<string, string>): HttpResponse {
  return headers === undefined ? { kind: 'json', status, body } : { kind: 'json', status, body, headers }
}

export function noContent(): HttpResponse {
  return { kind: 'empty', status: 204 }
}

/** Writes any answer but those that are written bit by bit. */
export function sendResponse(res: Response, response: Exclude<HttpResponse, { kind: 'stream' | 'lines' }>): void {
  res.status(response.status).set(response.headers ?? {})
  if (response.kind === 'empty') {
    res.end()
    return
  }
  const text = response.kind === 'json' ? JSON.stringify(response.body) : response.body
  res.set('Content-Type', response.kind === 'json' ? 'application/json; charset=utf-8' : response.type)
  // Express's own `send` answers 304 to `If-None-Match: *`, whether or not the address has versions at all.
  res.set('Content-Length', String(Buffer.byteLength(text))).end(text)
}
