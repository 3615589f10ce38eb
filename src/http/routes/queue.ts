import { z } from 'zod'
import type { Command } from '../../thread/command.ts'
import { byWhom, sendCommand } from '../commands.ts'
import { idempotencyKey } from '../idempotency.ts'
import { refOf, requireThread } from '../lookup.ts'
import type { HttpContext } from '../options.ts'
import { expectedRevision, isKnown, tagOf } from '../preconditions.ts'
import { presentPending } from '../present.ts'
import { HttpProblem } from '../problems.ts'
import { sendEdit } from '../queue-edits.ts'
import { json, type HttpResponse } from '../response.ts'
import { route, type Route } from '../route.ts'
import { threadId } from '../schemas/common.ts'
import { etag, ifMatch, ifNoneMatch, pendingList, putOrder } from '../schemas/pending.ts'
import { queueResumed } from '../schemas/runs.ts'

const byThread = { params: z.object({ id: threadId }), missing: 'thread_not_found', tag: 'Queue' } as const
const GONE = ['thread_not_found', 'thread_deleted'] as const
const SENT = ['idempotency_conflict', 'thread_unavailable', 'needs_reconcile'] as const
const shown = { description: 'The queue', schema: pendingList, headers: etag }

/** The queue of a thread as a whole. */
export function queueRoutes(): Route[] {
  return [
    route({
      ...byThread,
      method: 'get',
      path: '/v1/threads/:id/pending',
      summary: 'List messages that no run has read yet, in their order',
      request_headers: ifNoneMatch,
      responses: { '200': shown, '304': { description: 'As it was' } },
      problems: GONE,
      async handle(context, { params: { id }, headers }) {
        const queue = await readQueue(context, id)
        return isKnown(headers, queue.tag) ? { kind: 'empty', status: 304, headers: { ETag: queue.tag } } : queue.response
      },
    }),
    route({
      ...byThread,
      method: 'put',
      path: '/v1/threads/:id/pending/order',
      summary: 'Put the whole queue into another order',
      request_headers: ifMatch,
      body: putOrder,
      responses: { '200': { ...shown, description: 'The queue as it is now' } },
      problems: [...GONE, ...SENT, 'invalid_command', 'precondition_required', 'revision_conflict'],
      async handle(context, { params: { id }, body, headers, gone }) {
        await requireThread(context, id)
        const ref = refOf(context, id)
        const expected = expectedRevision(headers, 'queue', body.expected_queue_revision)
        if (expected === null) {
          const detail = 'Say which order you have seen: If-Match with the ETag of GET …/pending, or expected_queue_revision.'
          throw new HttpProblem('precondition_required', detail)
        }
        const { pending_ids } = body
        const command: Command = { type: 'reorder_pending', pending_ids, expected_queue_revision: expected, ...byWhom(body) }
        await sendEdit(context, ref, command, { route: 'PUT /v1/threads/pending/order', key: idempotencyKey(headers), gone })
        return (await readQueue(context, id)).response
      },
    }),
    route({
      ...byThread,
      method: 'post',
      path: '/v1/threads/:id/queue/resume',
      summary: 'Let a parked queue go on',
      body: z.object({}),
      body_optional: true,
      responses: { '202': { description: 'Resumed, or nothing to resume', schema: queueResumed } },
      problems: [...GONE, ...SENT],
      async handle(context, { params: { id }, headers, gone }) {
        const key = idempotencyKey(headers)
        await requireThread(context, id)
        const { outcome } = await sendCommand<{ resumed: boolean; pending: number; run_id: string | null }>(
          context,
          refOf(context, id),
          { type: 'resume_queue' },
          { route: 'POST /v1/threads/queue/resume', key, gone },
        )
        const { resumed, pending, run_id } = outcome
        return json({ status: 'queue_resumed', thread_id: id, resumed, pending, run_id }, 202)
      },
    }),
  ]
}

/** The revision is read first: of a queue that changes meanwhile it is then too old, which a later change finds out. */
async function readQueue(context: HttpContext, thread_id: string): Promise<{ tag: string; response: HttpResponse }> {
  const { id, queue_revision, parked } = await requireThread(context, thread_id)
  const ref = refOf(context, id)
  const items = (await context.store.conversation.listPending(ref)).map(presentPending)
  const tag = tagOf('queue', queue_revision)
  return { tag, response: json({ items, total: items.length, queue_revision, parked }, 200, { ETag: tag }) }
}
