import type { ErrorRequestHandler, RequestHandler, Response } from 'express'
import { NotAuthenticated, NotEntitled } from '../../auth/principal.ts'
import { InvalidCursor, StoreUnavailable } from '../../store/store.ts'
import { ThreadUnavailable } from '../../temporal/gateway.ts'
import { isObject } from '../../thread/json.ts'
import type { HttpLog } from '../options.ts'
import { HttpProblem, PROBLEMS, problemBody } from '../problems.ts'

/** The last stop of every error: a problem document, and nothing of the inside. What was not foreseen is logged. */
export function errorMiddleware(log: HttpLog): ErrorRequestHandler {
  return (error: unknown, req, res, next) => {
    const problem = toProblem(error)
    if (problem.code === 'internal_error') log.error({ err: error, method: req.method, path: req.path }, 'request failed')
    // A stream that has begun cannot turn into an error document; it is cut, and its reader comes back.
    if (res.headersSent) {
      res.destroy()
      return
    }
    void next
    sendProblem(res, problem)
  }
}

export function notFound(): RequestHandler {
  return (req, _res, next) => {
    next(new HttpProblem('not_found', `There is nothing at ${req.method} ${req.path}. See /openapi.json for what there is.`))
  }
}

export function sendProblem(res: Response, problem: HttpProblem): void {
  const { status, retry_after } = PROBLEMS[problem.code]
  res.status(status).set(problem.headers)
  if (retry_after !== undefined && problem.headers['Retry-After'] === undefined) res.set('Retry-After', String(retry_after))
  const request_id = res.getHeader('X-Request-Id')
  const body = { ...problemBody(problem), ...(typeof request_id === 'string' ? { request_id } : {}) }
  res.set('Content-Type', 'application/problem+json').send(JSON.stringify(body))
}

/** Whatever was thrown, as one of the table's problems. */
export function toProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error
  if (error instanceof StoreUnavailable)
    return new HttpProblem('store_unavailable', 'The store cannot be reached; try again in a moment.')
  if (error instanceof NotAuthenticated) return notAuthenticated(error)
  if (error instanceof NotEntitled) return new HttpProblem('forbidden', error.message)
  if (error instanceof InvalidCursor) return new HttpProblem('invalid_cursor', 'The cursor is not one of this list.')
  if (error instanceof ThreadUnavailable) {
    const seconds = String(Math.max(1, Math.ceil(error.retry_after_ms / 1000)))
    const detail = 'The thread did not answer in time; send the request again with the same Idempotency-Key.'
    return new HttpProblem('thread_unavailable', detail, {}, { 'Retry-After': seconds })
  }
  return (
    parserProblem(error) ??
    new HttpProblem('internal_error', 'Something went wrong on our side; the log of the service says what.')
  )
}

/** `WWW-Authenticate` says how to come in (RFC 6750); a token that is wrong is told apart from none at all. */
function notAuthenticated({ reason, message }: NotAuthenticated): HttpProblem {
  if (reason === 'too_many') return new HttpProblem('rate_limited', message)
  if (reason === 'unavailable') return new HttpProblem('authentication_unavailable', `${message} Try again in a moment.`)
  const challenge = reason === 'invalid' ? 'Bearer realm="weft", error="invalid_token"' : 'Bearer realm="weft"'
  return new HttpProblem('unauthenticated', message, {}, { 'WWW-Authenticate': challenge })
}

/** What Express and its body parser throw: plain errors with a `status` and, from the parser, a `type`. */
function parserProblem(error: unknown): HttpProblem | null {
  if (!(error instanceof Error) || !isObject(error)) return null
  const { type, status } = error as { type?: unknown; status?: unknown }
  if (error instanceof URIError) return new HttpProblem('not_found', 'The address holds an escape that is not valid.')
  if (type === 'entity.too.large')
    return new HttpProblem('body_too_large', 'The body is larger than the service takes; send less, or give media by url.')
  if (type === 'entity.parse.failed') return new HttpProblem('malformed_json', 'The body is not valid JSON.')
  if (status === 415)
    return new HttpProblem('unsupported_media_type', 'Send the body as UTF-8 JSON, uncompressed or as gzip, deflate or br.')
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new HttpProblem('invalid_request', 'The request cannot be read.')
  return null
}
