import type { Route } from '../route.ts'
import { controlRoutes } from './control.ts'
import { dispatchRoutes } from './dispatches.ts'
import { eventRoutes } from './events.ts'
import { exportRoutes } from './export.ts'
import { forkRoutes } from './forks.ts'
import { inboxRoutes } from './inbox.ts'
import { inputRoutes } from './inputs.ts'
import { keyRoutes } from './keys.ts'
import { mailboxRoutes } from './mailbox.ts'
import { messageRoutes } from './messages.ts'
import { pendingRoutes } from './pending.ts'
import { queueRoutes } from './queue.ts'
import { reconcileRoutes } from './reconcile.ts'
import { runRoutes } from './runs.ts'
import { serviceRoutes } from './service.ts'
import { streamTokenRoutes } from './stream-tokens.ts'
import { submitRoutes } from './submit.ts'
import { threadRoutes } from './threads.ts'
import { webhookRoutes } from './webhooks.ts'

/** Every route of the service, in the order of their matching (fixed names before ids). */
export function allRoutes(): Route[] {
  return [
    ...threadRoutes(),
    ...forkRoutes(),
    ...exportRoutes(),
    ...submitRoutes(),
    ...runRoutes(),
    ...inputRoutes(),
    ...dispatchRoutes(),
    ...messageRoutes(),
    ...queueRoutes(),
    ...pendingRoutes(),
    ...inboxRoutes(),
    ...mailboxRoutes(),
    ...controlRoutes(),
    ...eventRoutes(),
    ...streamTokenRoutes(),
    ...keyRoutes(),
    ...webhookRoutes(),
    ...reconcileRoutes(),
    ...serviceRoutes(allRoutes),
  ]
}
