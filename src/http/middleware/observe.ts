import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Request, RequestHandler, Response } from 'express'
import { currentFacts, withFacts } from '../../log/facts.ts'
import type { HttpLog } from '../options.ts'

/** One request that has been answered, or left. Times in ms; `until_first_ms` ends with the first byte of a stream. */
export type SeenRequest = { method: string; route: string; status: number; ms: number; until_first_ms: number; stream: boolean }

export type RequestWatch = {
  log: HttpLog
  on_request?: (seen: SeenRequest) => void
  /** Opens a span for the request. */
  trace?: (request: IncomingMessage, response: ServerResponse, next: () => void) => void
}

/** An id of the caller's is taken if it can do no harm in a log. */
const SANE = /^[A-Za-z0-9_.:+/=@-]{1,128}$/
/** What machines ask every few seconds would drown the rest. */
const SELDOM = new Set(['/health', '/health/live', '/metrics'])
const BEGAN = 'stream_began'

/**
 * Gives each request an id, which its answer and all lines of the log that it leads to carry, and tells of it once it
 * is over: by route and never by address, since tokens may stand in that.
 */
export function observeRequests({ log, on_request, trace }: RequestWatch): RequestHandler {
  return (req, res, next) => {
    const began = performance.now()
    const given = req.get('x-request-id')
    const request_id = given !== undefined && SANE.test(given) ? given : randomUUID()
    res.set('X-Request-Id', request_id)
    withFacts({ request_id }, () => {
      const facts = currentFacts()
      res.once('close', () => {
        const seen = seenRequest(req, res, began)
        on_request?.(seen)
        const { method, route, status, ms, stream } = seen
        const left = !res.writableFinished && !stream ? { left_early: true } : {}
        const line = { method, route, status, ms: Math.round(ms * 10) / 10, ...left, ...facts }
        if (SELDOM.has(route)) log.debug?.(line, 'request')
        else log.info?.(line, 'request')
      })
      if (trace === undefined) next()
      else trace(req, res, next)
    })
  }
}

/** Notes that a stream has begun: what comes after is the length of a run, and not of an answer. */
export function noteStream(res: Response): void {
  res.locals[BEGAN] = performance.now()
}

function seenRequest(req: Request, res: Response, began: number): SeenRequest {
  const { path } = (req.route ?? {}) as { path?: unknown }
  const stream = res.locals[BEGAN] as number | undefined
  const now = performance.now()
  return {
    method: req.method,
    route: typeof path === 'string' ? path : 'none',
    status: res.statusCode,
    ms: now - began,
    until_first_ms: (stream ?? now) - began,
    stream: stream !== undefined,
  }
}
