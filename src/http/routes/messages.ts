import { z } from 'zod'
import type { MessageFilter } from '../../store/store.ts'
import { sendCommand, submitCommand, type Submitted } from '../commands.ts'
import { idempotencyKey } from '../idempotency.ts'
import { checkAgent, refOf, requireThread } from '../lookup.ts'
import { pageFrame, pageRequest } from '../paging.ts'
import { presentMessage, presentPending } from '../present.ts'
import { json } from '../response.ts'
import { route, type Route } from '../route.ts'
import { threadId } from '../schemas/common.ts'
import { checkSizes, messageList, messageQuery, messagesAccepted, pendingList, postMessages } from '../schemas/messages.ts'

const byThread = { params: z.object({ id: threadId }), missing: 'thread_not_found', tag: 'Messages' } as const
const GONE = ['thread_not_found', 'thread_deleted'] as const

export function messageRoutes(): Route[] {
  return [
    route({
      ...byThread,
      method: 'post',
      path: '/v1/threads/:id/messages',
      summary: 'Queue messages for a thread',
      body: postMessages,
      responses: { '202': { description: 'Accepted; the run can be read', schema: messagesAccepted } },
      problems: [
        ...GONE,
        'unknown_agent',
        'payload_too_large',
        'agent_conflict',
        'message_id_conflict',
        'idempotency_conflict',
        'queue_full',
        'thread_unavailable',
        'needs_reconcile',
      ],
      async handle(context, { params: { id }, body, headers, gone }) {
        checkAgent(context, body.agent_id)
        checkSizes(body.messages, { metadata: body.metadata })
        const key = idempotencyKey(headers)
        await requireThread(context, id)
        const { messages, agent_id, metadata, transport_request_id } = body
        const command = submitCommand({ mode: 'queue', messages, agent_id, metadata, transport_request_id })
        const route = 'POST /v1/threads/messages'
        const { outcome } = await sendCommand<Submitted>(context, refOf(context, id), command, { route, key, gone })
        const { status, run_id, dispatch_id, message_ids } = outcome
        return json({ status, thread_id: id, run_id, dispatch_id, message_ids }, 202, {
          'Content-Location': `/v1/runs/${run_id}`,
        })
      },
    }),
    route({
      ...byThread,
      method: 'get',
      path: '/v1/threads/:id/messages',
      summary: 'List committed messages',
      query: messageQuery,
      responses: { '200': { description: 'Messages', schema: messageList } },
      problems: [...GONE, 'invalid_cursor'],
      async handle(context, { params: { id }, query }) {
        await requireThread(context, id)
        const { order, after, before, run_id, visibility } = query
        const filter = Object.fromEntries(
          Object.entries({ order, after, before, run_id, visibility }).filter(([, value]) => value !== undefined),
        ) as MessageFilter
        const scope = `messages:${order}:${id}`
        const page = await context.store.conversation.listMessages(refOf(context, id), filter, pageRequest(scope, query))
        return json({ messages: page.items.map(presentMessage), ...pageFrame(scope, query, page) })
      },
    }),
    route({
      ...byThread,
      method: 'get',
      path: '/v1/threads/:id/pending',
      summary: 'List messages that no run has read yet, in their order',
      responses: { '200': { description: 'The queue', schema: pendingList } },
      problems: GONE,
      async handle(context, input) {
        const { id, queue_revision } = await requireThread(context, input.params.id)
        const items = (await context.store.conversation.listPending(refOf(context, id))).map(presentPending)
        return json({ items, total: items.length, queue_revision })
      },
    }),
  ]
}
