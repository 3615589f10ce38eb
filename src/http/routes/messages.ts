import { z } from 'zod'
import type { MessageFilter } from '../../store/store.ts'
import { sendCommand, submitCommand, SUBMIT_REFUSALS, type Submitted } from '../commands.ts'
import { idempotencyKey } from '../idempotency.ts'
import { forgotten } from '../forgotten.ts'
import { checkAgent, lookUpThread, refOf, requireThread } from '../lookup.ts'
import { pageFrame, pageRequest } from '../paging.ts'
import { presentMessage, presentReceipt } from '../present.ts'
import { HttpProblem } from '../problems.ts'
import { json } from '../response.ts'
import { route, type Route } from '../route.ts'
import { threadId } from '../schemas/common.ts'
import { checkSizes, messageList, messageQuery, receiptParams, receiptView } from '../schemas/messages.ts'
import { messagesAccepted, postMessages } from '../schemas/submit.ts'

const byThread = { params: z.object({ id: threadId }), missing: 'thread_not_found', tag: 'Messages' } as const
const GONE = ['thread_not_found', 'thread_deleted'] as const

export function messageRoutes(): Route[] {
  return [
    route({
      ...byThread,
      method: 'post',
      path: '/v1/threads/:id/messages',
      summary: 'Send messages to a thread: queue them, steer or replace what runs',
      body: postMessages,
      responses: { '202': { description: 'Accepted; the run can be read', schema: messagesAccepted } },
      problems: [...GONE, 'unknown_agent', 'run_not_found', ...SUBMIT_REFUSALS],
      async handle(context, { params: { id }, body, headers, gone }) {
        checkAgent(context, body.agent_id)
        checkSizes(body.messages, { metadata: body.metadata, overrides: body.overrides })
        const key = idempotencyKey(headers)
        const [ref, route] = [refOf(context, id), 'POST /v1/threads/messages']
        const found = await lookUpThread(context, ref, { route, key, required: true })
        const { outcome } = await sendCommand<Submitted>(context, ref, submitCommand(body), { route, key, gone, found })
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
      params: receiptParams,
      missing: 'message_not_found',
      tag: 'Messages',
      method: 'get',
      path: '/v1/threads/:id/messages/:mid/receipt',
      summary: 'What became of a message that was sent to a thread',
      responses: { '200': { description: 'The receipt', schema: receiptView } },
      problems: [...GONE, 'message_not_found'],
      async handle(context, { params: { id, mid } }) {
        await requireThread(context, id)
        const ref = refOf(context, id)
        const receipt = await context.store.conversation.receipt(ref, mid)
        if (receipt !== null) return json(presentReceipt(receipt))
        throw new HttpProblem(
          'message_not_found',
          `No message with this id was sent to this thread.${await forgotten(context, ref)}`,
        )
      },
    }),
  ]
}
