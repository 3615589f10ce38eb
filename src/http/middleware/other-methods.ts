import type { RequestHandler } from 'express'
import { HttpProblem } from '../problems.ts'

/** For an address that exists, whatever method none of its routes took: 405 with Allow, and OPTIONS answered. */
export function otherMethods(methods: readonly string[]): RequestHandler {
  const known = methods.map((method) => method.toUpperCase())
  const allow = [...known, ...(known.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ')
  return (req, res, next) => {
    if (req.method === 'OPTIONS') {
      res.status(204).set('Allow', allow).end()
      return
    }
    next(new HttpProblem('method_not_allowed', `This address takes ${allow}.`, {}, { Allow: allow }))
  }
}
