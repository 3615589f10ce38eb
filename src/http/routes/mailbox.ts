import { z } from 'zod'
import { sendCommand, submitCommand, type Submitted } from '../commands.ts'
import { idempotencyKey } from '../idempotency.ts'
import { lookUpThread, refOf, requireThread } from '../lookup.ts'
import { pageRequest, presentPage } from '../paging.ts'
import { presentDispatch } from '../present.ts'
import { json } from '../response.ts'
import { route, type Route } from '../route.ts'
import { listOf, threadId } from '../schemas/common.ts'
import { checkSizes, mailboxAccepted, postMailbox } from '../schemas/messages.ts'
import { dispatchQuery, dispatchRecord } from '../schemas/runs.ts'
import { isObject, type Json } from '../../thread/json.ts'

const byThread = {
  path: '/v1/threads/:id/mailbox',
  params: z.object({ id: threadId }),
  missing: 'thread_not_found',
  tag: 'Mailbox',
} as const

export function mailboxRoutes(): Route[] {
  return [
    route({
      ...byThread,
      method: 'post',
      summary: 'Submit an opaque payload in the background; creates the thread when it is new',
      body: postMailbox,
      responses: { '201': { description: 'Accepted', schema: mailboxAccepted } },
      problems: [
        'thread_deleted',
        'payload_too_large',
        'agent_conflict',
        'idempotency_conflict',
        'queue_full',
        'thread_unavailable',
        'needs_reconcile',
      ],
      async handle(context, { params: { id }, body, headers, gone }) {
        const messages = [{ role: 'user' as const, content: textOf(body.payload) }]
        checkSizes(messages)
        const key = idempotencyKey(headers)
        const [ref, route] = [refOf(context, id), 'POST /v1/threads/mailbox']
        const found = await lookUpThread(context, ref, { route, key, required: false })
        const command = submitCommand({ mode: 'queue', messages })
        const { outcome } = await sendCommand<Submitted>(context, ref, command, { route, key, gone, found })
        const { dispatch_id, run_id } = outcome
        return json({ dispatch_id, run_id, thread_id: id }, 201, { 'Content-Location': `/v1/runs/${run_id}` })
      },
    }),
    route({
      ...byThread,
      method: 'get',
      summary: 'List the dispatches of a thread, newest first',
      query: dispatchQuery,
      responses: { '200': { description: 'Dispatches', schema: listOf(dispatchRecord) } },
      problems: ['thread_not_found', 'thread_deleted', 'invalid_cursor'],
      async handle(context, { params: { id }, query }) {
        await requireThread(context, id)
        const filter = query.status === undefined ? { thread_id: id } : { thread_id: id, status: query.status }
        const scope = `dispatches:${id}`
        const page = await context.store.conversation.listDispatches(context.tenant, filter, pageRequest(scope, query))
        return json(presentPage(scope, query, page, presentDispatch))
      },
    }),
  ]
}

/** A payload's `text`, else the payload as JSON; a string is its own text. */
function textOf(payload: Json): string {
  if (typeof payload === 'string') return payload
  return isObject(payload) && typeof payload['text'] === 'string' ? payload['text'] : JSON.stringify(payload)
}
