import type { Request } from 'express'
import type { HttpContext } from '../options.ts'
import { HttpProblem } from '../problems.ts'

/**
 * A service that lets anybody in relies on being out of reach. A person's browser is not: pages from anywhere run in
 * it. So a request must be addressed to this machine by a name of this machine (a name that somebody else points here
 * would make a page's own origin of it), and one that may change something must not come from another origin.
 */
export function checkLocal(context: HttpContext, req: Request): void {
  if (!context.local_only) return
  const host = req.headers.host ?? ''
  if (!isLoopbackHost(host))
    throw new HttpProblem('forbidden', 'Without authentication the service answers only to localhost, 127.0.0.1 and [::1].')
  const { origin } = req.headers
  if (origin === undefined || req.method === 'GET' || req.method === 'HEAD') return
  if (context.cors_origins.includes(origin) || origin === `http://${host}`) return
  throw new HttpProblem('forbidden', 'Pages of this origin may not use the service; WEFT_CORS_ORIGINS names those that may.')
}

function isLoopbackHost(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(host)
}
