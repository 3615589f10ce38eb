import type { Role } from '../auth/roles.ts'
import type { Route } from './route.ts'

/**
 * Who may use which route: the one table of it. A route that is missing here keeps the service from starting. `public`
 * is for what tells nothing about anybody's threads. Each role may do what those before it may: reader, user,
 * approver, operator.
 */
export const ROUTE_ROLES: Readonly<Record<string, Role | 'public'>> = {
  'POST /v1/threads': 'user',
  'GET /v1/threads': 'reader',
  'GET /v1/threads/summaries': 'reader',
  'GET /v1/threads/:id': 'reader',
  'PATCH /v1/threads/:id': 'user',
  'PATCH /v1/threads/:id/metadata': 'user',
  'DELETE /v1/threads/:id': 'operator',
  'POST /v1/threads/:id/stream-tokens': 'reader',
  'GET /v1/threads/:id/state': 'reader',
  'POST /v1/threads/:id/fork': 'user',
  'GET /v1/threads/:id/export': 'reader',
  'GET /v1/threads/:id/stream': 'reader',

  'POST /v1/runs': 'user',
  'GET /v1/runs': 'reader',
  'GET /v1/runs/:id': 'reader',
  'GET /v1/runs/:id/wait': 'reader',
  'GET /v1/runs/:id/stream': 'reader',
  'GET /v1/threads/:id/runs': 'reader',
  'GET /v1/threads/:id/runs/active': 'reader',
  'GET /v1/threads/:id/runs/latest': 'reader',
  'POST /v1/runs/:id/inputs': 'user',

  'GET /v1/dispatches': 'reader',
  'GET /v1/dispatches/:id': 'reader',
  'POST /v1/dispatches/:id/requeue': 'operator',

  'POST /v1/threads/:id/messages': 'user',
  'GET /v1/threads/:id/messages': 'reader',
  'GET /v1/threads/:id/messages/:mid/receipt': 'reader',
  'POST /v1/threads/:id/mailbox': 'user',
  'GET /v1/threads/:id/mailbox': 'reader',

  'GET /v1/threads/:id/pending': 'reader',
  'PUT /v1/threads/:id/pending/order': 'user',
  'POST /v1/threads/:id/queue/resume': 'user',
  'GET /v1/threads/:id/pending/:pid': 'reader',
  'PATCH /v1/threads/:id/pending/:pid': 'user',
  'DELETE /v1/threads/:id/pending/:pid': 'user',
  'POST /v1/threads/:id/pending/:pid/hold': 'user',
  'POST /v1/threads/:id/pending/:pid/release': 'user',

  'GET /v1/inbox': 'reader',
  'POST /v1/runs/:id/decision': 'approver',
  'POST /v1/threads/:id/decision': 'approver',
  'POST /v1/runs/:id/cancel': 'user',
  'POST /v1/threads/:id/cancel': 'user',
  'POST /v1/threads/:id/interrupt': 'user',

  'GET /v1/threads/:id/events': 'reader',
  'GET /v1/threads/:id/events/stream': 'reader',
  'GET /v1/runs/:id/events': 'reader',
  'GET /v1/runs/:id/events/stream': 'reader',

  'GET /v1/agents': 'reader',
  'GET /v1/agents/:id': 'reader',

  'POST /v1/keys': 'operator',
  'GET /v1/keys': 'operator',
  'DELETE /v1/keys/:id': 'operator',

  'POST /v1/webhooks': 'operator',
  'GET /v1/webhooks': 'operator',
  'GET /v1/webhooks/deliveries': 'operator',
  'GET /v1/webhooks/:id': 'operator',
  'DELETE /v1/webhooks/:id': 'operator',
  'POST /v1/webhooks/:id/enable': 'operator',
  'POST /v1/webhooks/:id/deliveries/:delivery_id/retry': 'operator',
  'POST /v1/reconcile': 'operator',
  'GET /v1/reconcile/:id': 'operator',

  'GET /health': 'public',
  'GET /health/live': 'public',
  'GET /metrics': 'operator',
  'GET /openapi.json': 'public',
  'GET /v1/events/schema': 'public',
  'GET /docs': 'public',
  'GET /docs/errors': 'public',
}

/** A route as the table names it: `GET /v1/runs/:id`. */
export function routeName({ method, path }: Pick<Route, 'method' | 'path'>): string {
  return `${method.toUpperCase()} ${path}`
}

/** Whether everybody may use it, whoever they are. */
export function isPublic(route: Pick<Route, 'method' | 'path'>): boolean {
  return ROUTE_ROLES[routeName(route)] === 'public'
}

/** The least role that may use it. Throws for a route that the table does not have. */
export function roleFor(route: Pick<Route, 'method' | 'path'>): Role | 'public' {
  const role = ROUTE_ROLES[routeName(route)]
  if (role === undefined) throw new Error(`${routeName(route)} has no role: add it to src/http/roles.ts.`)
  return role
}

/** Whether a token that reads one thread may be used: for reads and streams of a thread or of one of its runs. */
export function takesStreamToken({ method, path }: Pick<Route, 'method' | 'path'>): boolean {
  return method === 'get' && /^\/v1\/(threads|runs)\/:id(\/|$)/.test(path)
}
