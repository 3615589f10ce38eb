import type { Request, RequestHandler, Response } from 'express'
import type { Credentials } from '../../auth/authenticator.ts'
import { NotAuthenticated, type Principal } from '../../auth/principal.ts'
import { mayAct } from '../../auth/roles.ts'
import { noteFacts, type Facts } from '../../log/facts.ts'
import type { HttpContext } from '../options.ts'
import { HttpProblem } from '../problems.ts'
import { roleFor, takesStreamToken } from '../roles.ts'
import type { Route } from '../route.ts'
import { checkLocal } from './local-only.ts'

/**
 * Finds out who calls, before the body is read, and refuses those who may not. What the handler then gets is a context
 * of the caller's own: their tenant, and who they are. Throws when the app is made for a route without a role.
 */
export function authenticate(context: HttpContext, route: Route): RequestHandler {
  const role = roleFor(route)
  if (role === 'public') {
    return (_req, res, next) => {
      res.locals['context'] = context
      next()
    }
  }
  return async (req, res, next) => {
    const principal = await context.auth.authenticate(credentialsOf(req))
    if (principal.kind === 'none') checkLocal(context, req)
    await context.rate.take(`${principal.tenant}/${principal.id}`)
    if (!mayAct(principal.role, role)) {
      const detail = `This needs the role ${role}; yours is ${principal.role}.`
      throw new HttpProblem('forbidden', detail, { role: principal.role, needs: role }, INSUFFICIENT)
    }
    if (principal.thread_id !== null) await checkThread(context, route, req, principal, principal.thread_id)
    res.locals['context'] = { ...context, tenant: principal.tenant, principal }
    noteFacts({ tenant: principal.tenant, ...named(route, req) })
    next()
  }
}

/** The context of a request that has been let through. */
export function contextOf(res: Response): HttpContext {
  return res.locals['context'] as HttpContext
}

/** The thread or run that the address names, for the log; what cannot be an id is left out. */
function named({ path }: Route, req: Request): Facts {
  const id = req.params['id']
  if (typeof id !== 'string' || !/^[\w.-]{1,128}$/.test(id)) return {}
  return path.startsWith('/v1/threads/') ? { thread_id: id } : path.startsWith('/v1/runs/') ? { run_id: id } : {}
}

const INSUFFICIENT = { 'WWW-Authenticate': 'Bearer realm="weft", error="insufficient_scope"' }

function credentialsOf(req: Request): Credentials {
  const { authorization } = req.headers
  const bearer = authorization === undefined ? null : /^bearer +(\S+) *$/i.exec(authorization)?.[1]
  if (bearer === undefined) throw new NotAuthenticated('invalid', 'Send the key as Authorization: Bearer <key>.')
  const { access_token } = req.query
  return {
    header: bearer ?? req.get('x-api-key') ?? null,
    access_token: typeof access_token === 'string' ? access_token : null,
    address: req.socket.remoteAddress ?? '',
  }
}

/** A token that reads one thread opens nothing else, of that tenant or another. */
async function checkThread(context: HttpContext, route: Route, req: Request, { tenant }: Principal, thread_id: string) {
  const id = req.params['id'] ?? ''
  const mine = async (): Promise<boolean> => {
    if (!takesStreamToken(route)) return false
    if (route.path.startsWith('/v1/threads/')) return id === thread_id
    const run = await context.store.conversation.getRun(tenant, String(id))
    return run === null || run.thread_id === thread_id
  }
  if (!(await mine()))
    throw new HttpProblem('forbidden', 'This access token reads one thread, and nothing else.', {}, INSUFFICIENT)
}
