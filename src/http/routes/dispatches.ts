import { z } from 'zod'
import type { MessageRow } from '../../store/store.ts'
import type { InputPart, MessageInput } from '../../thread/message.ts'
import type { DispatchRecord, RunRecord } from '../../thread/records.ts'
import { sendCommand, submitCommand, type Submitted } from '../commands.ts'
import { checkAgent, refOf } from '../lookup.ts'
import type { HttpContext } from '../options.ts'
import { pageRequest, presentPage } from '../paging.ts'
import { presentDispatch } from '../present.ts'
import { HttpProblem } from '../problems.ts'
import { json } from '../response.ts'
import { route, type Route } from '../route.ts'
import { anyId, listOf } from '../schemas/common.ts'
import { checkSizes } from '../schemas/messages.ts'
import { dispatchQuery, dispatchRecord } from '../schemas/runs.ts'
import { requeued } from '../schemas/submit.ts'
import { MAX_MESSAGES_PER_SUBMIT } from '../../thread/limits.ts'

const byDispatch = { params: z.object({ id: anyId }), missing: 'dispatch_not_found', tag: 'Dispatches' } as const

export function dispatchRoutes(): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/dispatches',
      tag: 'Dispatches',
      summary: 'List dispatches, newest first',
      query: dispatchQuery,
      responses: { '200': { description: 'Dispatches', schema: listOf(dispatchRecord) } },
      problems: ['invalid_cursor'],
      async handle(context, { query }) {
        const filter = query.status === undefined ? {} : { status: query.status }
        const page = await context.store.conversation.listDispatches(context.tenant, filter, pageRequest('dispatches', query))
        return json(presentPage('dispatches', query, page, presentDispatch))
      },
    }),
    route({
      ...byDispatch,
      method: 'get',
      path: '/v1/dispatches/:id',
      summary: 'Read a dispatch',
      responses: { '200': { description: 'The dispatch', schema: dispatchRecord } },
      problems: ['dispatch_not_found'],
      handle: async (context, input) => json(presentDispatch(await requireDispatch(context, input.params.id))),
    }),
    route({
      ...byDispatch,
      method: 'post',
      path: '/v1/dispatches/:id/requeue',
      summary: 'Run the messages of a dead letter again',
      body: z.object({}),
      body_optional: true,
      responses: { '202': { description: 'A new run of the same messages; a repeat answers with the same', schema: requeued } },
      problems: [
        'dispatch_not_found',
        'not_dead_letter',
        'message_not_found',
        'unknown_agent',
        'payload_too_large',
        'queue_full',
        'thread_unavailable',
        'needs_reconcile',
      ],
      async handle(context, { params: { id }, gone }) {
        const dispatch = await requireDispatch(context, id)
        const { status } = dispatch
        if (status !== 'dead_letter') {
          const detail = `The dispatch is ${status}; only one that is dead_letter can be queued again.`
          throw new HttpProblem('not_dead_letter', detail, { dispatch_id: id, status })
        }
        const run = await context.store.conversation.getRun(context.tenant, dispatch.run_id, dispatch.thread_id)
        if (run === null) throw dispatchNotFound()
        checkAgent(context, run.agent_id)
        const messages = await inputOf(context, run)
        const command = submitCommand({
          mode: 'queue',
          delivery: { boundary: 'new_run', granularity: 'batch', barrier: false, fallback_to_new_run: true },
          messages,
          agent_id: run.agent_id,
          retry_of: run.run_id,
          metadata: run.metadata ?? undefined,
          overrides: run.overrides ?? undefined,
          command_id: `requeue-${id}`,
        })
        // The dispatch tells a repeat, whatever key the caller brings: two requeues of one dead letter are one.
        const options = { route: 'POST /v1/dispatches/requeue', key: null, gone }
        const { outcome } = await sendCommand<Submitted>(context, refOf(context, run.thread_id), command, options)
        const answer = { thread_id: run.thread_id, run_id: outcome.run_id, dispatch_id: outcome.dispatch_id }
        const { message_ids } = outcome
        return json({ status: outcome.status, ...answer, message_ids, retry_of: run.run_id }, 202, {
          'Content-Location': `/v1/runs/${outcome.run_id}`,
        })
      },
    }),
  ]
}

async function requireDispatch(context: HttpContext, id: string): Promise<DispatchRecord> {
  const dispatch = await context.store.conversation.findDispatch(context.tenant, id)
  if (dispatch === null) throw dispatchNotFound()
  return dispatch
}

function dispatchNotFound(): HttpProblem {
  return new HttpProblem('dispatch_not_found', 'There is no dispatch with this id.')
}

/** Copies of what the run had read. Internal: the conversation shows the originals already. */
async function inputOf(context: HttpContext, run: RunRecord): Promise<MessageInput[]> {
  const rows = await context.store.conversation.messagesByIds(refOf(context, run.thread_id), run.input.trigger_message_ids)
  const messages = rows.map(copyOf)
  checkSizes(messages)
  if (messages.length <= MAX_MESSAGES_PER_SUBMIT && messages.length > 0) return messages
  if (messages.length === 0)
    throw new HttpProblem('message_not_found', 'What this run was to read is not known any more. Send it again as a new message.')
  const detail = `The run has read ${String(messages.length)} messages; at most ${String(MAX_MESSAGES_PER_SUBMIT)} can be queued at once. Send what matters as a new message.`
  throw new HttpProblem('payload_too_large', detail)
}

function copyOf({ role, content, metadata }: MessageRow): MessageInput {
  // What a run is given to read was checked when it came in: it has neither calls nor results of tools.
  const copy: MessageInput = { role, content: content as string | InputPart[], visibility: 'internal' }
  return metadata === null ? copy : { ...copy, metadata }
}
