import { z } from 'zod'
import { refOf, requireThread } from '../lookup.ts'
import { pageRequest, presentPage } from '../paging.ts'
import { presentOpenTicket } from '../present.ts'
import { json } from '../response.ts'
import { route, type Route } from '../route.ts'
import { listOf, threadId } from '../schemas/common.ts'
import { inboxQuery, openTicket } from '../schemas/runs.ts'
import { sharedState } from '../schemas/threads.ts'

/** What waits for people over all threads, and what tools keep for one. */
export function inboxRoutes(): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/inbox',
      tag: 'Control',
      summary: 'List open tickets over all threads, oldest first',
      query: inboxQuery,
      responses: { '200': { description: 'Tool calls that wait for a decision', schema: listOf(openTicket) } },
      problems: ['invalid_cursor'],
      async handle(context, { query }) {
        const { thread_id } = query
        const scope = thread_id === undefined ? 'inbox' : `inbox:${thread_id}`
        const filter = thread_id === undefined ? {} : { thread_id }
        const page = await context.store.conversation.listTickets(context.tenant, filter, pageRequest(scope, query))
        return json(presentPage(scope, query, page, presentOpenTicket))
      },
    }),
    route({
      params: z.object({ id: threadId }),
      missing: 'thread_not_found',
      tag: 'Threads',
      method: 'get',
      path: '/v1/threads/:id/state',
      summary: 'Read what tools keep for a thread',
      responses: { '200': { description: 'The shared state', schema: sharedState } },
      problems: ['thread_not_found', 'thread_deleted'],
      async handle(context, input) {
        const { id } = await requireThread(context, input.params.id)
        return json({ thread_id: id, state: await context.store.engine.sharedState(refOf(context, id)) })
      },
    }),
  ]
}
