import cors from 'cors'
import type { RequestHandler } from 'express'

/** What a page's script may see of an answer besides its body. */
const EXPOSED = [
  'ETag',
  'Location',
  'Content-Location',
  'Retry-After',
  'WWW-Authenticate',
  'Allow',
  'Deprecation',
  'Link',
  'X-Request-Id',
]
const ALLOWED = [
  ...['Accept', 'Authorization', 'Content-Type', 'Idempotency-Key', 'If-Match', 'If-None-Match', 'Last-Event-ID'],
  ...['X-API-Key', 'X-Request-Id', 'traceparent', 'tracestate'],
]
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']
/** How long a browser may remember that it has asked, in s. */
const MAX_AGE_S = 600

/**
 * Lets pages of these origins use the service from a browser. No cookies are involved, so nothing is sent that the
 * page does not have itself. An origin that is not listed gets no header, and its browser keeps the answer from it.
 */
export function allowOrigins(origins: readonly string[]): RequestHandler {
  const listed = cors({
    origin: [...origins],
    methods: METHODS,
    allowedHeaders: ALLOWED,
    exposedHeaders: EXPOSED,
    maxAge: MAX_AGE_S,
    optionsSuccessStatus: 204,
  })
  return (req, res, next) => {
    // Caches must not give an answer that was made for one origin to another.
    res.vary('Origin')
    const { origin } = req.headers
    const asks = req.method !== 'OPTIONS' || req.headers['access-control-request-method'] !== undefined
    if (origin !== undefined && origins.includes(origin) && asks) listed(req, res, next)
    else next()
  }
}
