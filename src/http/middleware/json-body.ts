import express, { type RequestHandler } from 'express'
import { HttpProblem } from '../problems.ts'

/** Types that are read as JSON. */
const JSON_TYPES = ['application/json', 'application/*+json']

/**
 * Reads a JSON body. A body of another type is 415, as is none at all where one is needed; what the parser itself
 * refuses is translated by the error middleware.
 */
export function jsonBody(limit_bytes: number, optional: boolean): RequestHandler[] {
  return [
    (req, _res, next) => {
      const empty = req.headers['transfer-encoding'] === undefined && (req.headers['content-length'] ?? '0') === '0'
      const typed = req.headers['content-type'] !== undefined
      // `is` looks at requests with a body only, so an empty one is judged by its header.
      if (empty ? optional || typed : req.is(JSON_TYPES)) next()
      else next(new HttpProblem('unsupported_media_type', 'Send the body as JSON, with Content-Type: application/json.'))
    },
    express.json({ limit: limit_bytes, type: JSON_TYPES, strict: false }),
  ]
}
