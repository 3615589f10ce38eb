import type { Command, Expected, MessageEdit } from '../../thread/command.ts'
import type { Json } from '../../thread/json.ts'
import { byWhom as by } from '../commands.ts'
import { idempotencyKey } from '../idempotency.ts'
import { refOf, requireThread } from '../lookup.ts'
import type { HttpContext } from '../options.ts'
import { expectedRevision, tagOf } from '../preconditions.ts'
import { presentPending } from '../present.ts'
import { HttpProblem } from '../problems.ts'
import { wordingAt, requirePending, sendEdit, type Changed, type Wording } from '../queue-edits.ts'
import { json, type HttpResponse } from '../response.ts'
import { route, type Input, type Route } from '../route.ts'
import { checkSizes } from '../schemas/messages.ts'
import {
  deletePending,
  deletePendingQuery,
  etag,
  ifMatch,
  patchPending,
  pendingChanged,
  pendingParams,
  pendingRow,
  postHold,
  postRelease,
} from '../schemas/pending.ts'

const byEntry = { params: pendingParams, missing: 'pending_not_found', tag: 'Queue' } as const
const path = '/v1/threads/:id/pending/:pid'
const GONE = ['thread_not_found', 'thread_deleted', 'pending_not_found', 'already_consumed', 'pending_gone'] as const
const SENT = ['idempotency_conflict', 'thread_unavailable', 'needs_reconcile'] as const
const GUARDED = [...GONE, ...SENT, 'precondition_required', 'revision_conflict'] as const
const changed = (description: string) => ({ '200': { description, schema: pendingChanged, headers: etag } })

/** One pending message: look at it, change it, take it back, hold it. */
export function pendingRoutes(): Route[] {
  return [
    route({
      ...byEntry,
      method: 'get',
      path,
      summary: 'Read a pending message',
      responses: { '200': { description: 'The message', schema: pendingRow, headers: etag } },
      problems: GONE,
      async handle(context, { params: { id, pid } }) {
        await requireThread(context, id)
        const row = await requirePending(context, refOf(context, id), pid)
        return json(presentPending(row), 200, { ETag: tagOf('entry', row.revision) })
      },
    }),
    route({
      ...byEntry,
      method: 'patch',
      path,
      summary: 'Reword a pending message',
      request_headers: ifMatch,
      body: patchPending,
      responses: changed('The message as it is now'),
      problems: [...GUARDED, 'payload_too_large'],
      async handle(context, input) {
        const { message: edit, content = '', expected_revision } = input.body
        const given = edit ?? { content }
        checkSizes([given as MessageEdit])
        const expected = await guard(context, input, expected_revision)
        const message = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as MessageEdit
        const { id, pid } = input.params
        const command: Command = {
          type: 'edit_pending',
          pending_id: pid,
          message,
          expected_revision: expected,
          ...by(input.body),
        }
        const options = { route: 'PATCH /v1/threads/pending', key: idempotencyKey(input.headers), gone: input.gone }
        const ref = refOf(context, id)
        const outcome = await sendEdit<Changed>(context, ref, command, options)
        const metadata = message.metadata ?? (await wordingAt(context, ref, outcome.pending, null)).metadata
        return answer(outcome, { content: message.content as Json, metadata })
      },
    }),
    route({
      ...byEntry,
      method: 'delete',
      path,
      summary: 'Take a pending message back',
      request_headers: ifMatch,
      query: deletePendingQuery,
      body: deletePending,
      body_optional: true,
      responses: { '200': { description: 'The message as it was', schema: pendingChanged } },
      problems: GUARDED,
      async handle(context, input) {
        const { id, pid } = input.params
        const expected = await guard(context, input, oneOf(input.query.expected_revision, input.body.expected_revision))
        const ref = refOf(context, id)
        const before = await context.store.conversation.getPending(ref, pid)
        const command: Command = { type: 'retract_pending', pending_id: pid, expected_revision: expected, ...by(input.body) }
        const options = { route: 'DELETE /v1/threads/pending', key: idempotencyKey(input.headers), gone: input.gone }
        const { pending, queue_revision } = await sendEdit<Changed>(context, ref, command, options)
        const wording = await wordingAt(context, ref, pending, before)
        return json({ pending: { ...pending, ...wording }, queue_revision })
      },
    }),
    route({
      ...byEntry,
      method: 'post',
      path: `${path}/hold`,
      summary: 'Keep a pending message from being read for a while',
      body: postHold,
      body_optional: true,
      responses: changed('The message as it is now'),
      problems: [...GONE, ...SENT],
      handle: (context, input) => {
        const { pid: pending_id } = input.params
        const { ttl_ms } = input.body
        // The thread knows how long where nothing is said.
        const command = {
          type: 'hold_pending',
          pending_id,
          ...(ttl_ms === undefined ? {} : { ttl_ms }),
          ...by(input.body),
        } as Command
        return keep(context, input, command, 'POST /v1/threads/pending/hold')
      },
    }),
    route({
      ...byEntry,
      method: 'post',
      path: `${path}/release`,
      summary: 'Let a held message go',
      body: postRelease,
      body_optional: true,
      responses: changed('The message as it is now'),
      problems: [...GONE, ...SENT],
      handle: (context, input) =>
        keep(
          context,
          input,
          { type: 'release_pending', pending_id: input.params.pid, ...by(input.body) },
          'POST /v1/threads/pending/release',
        ),
    }),
  ]
}

type EntryInput = Pick<Input<{ id: string; pid: string }, unknown, unknown>, 'params' | 'headers' | 'gone'>

/** What the caller has seen. Throws also `precondition_required` where it does not say. */
async function guard(context: HttpContext, { params, headers }: EntryInput, given: number | undefined): Promise<Expected> {
  await requireThread(context, params.id)
  const expected = expectedRevision(headers, 'entry', given)
  if (expected !== null) return expected
  const detail = 'Say which revision you have seen: If-Match with the ETag of GET …/pending/{id}, or expected_revision.'
  throw new HttpProblem('precondition_required', detail)
}

function oneOf(query: number | undefined, body: number | undefined): number | undefined {
  if (query === undefined || body === undefined || query === body) return query ?? body
  const detail = `expected_revision is ${String(query)} in the query and ${String(body)} in the body; give one of them.`
  throw new HttpProblem('invalid_request', detail)
}

async function keep(context: HttpContext, input: EntryInput, command: Command, name: string): Promise<HttpResponse> {
  const { params, headers, gone } = input
  await requireThread(context, params.id)
  const ref = refOf(context, params.id)
  const before = await context.store.conversation.getPending(ref, params.pid)
  const outcome = await sendEdit<Changed>(context, ref, command, { route: name, key: idempotencyKey(headers), gone })
  return answer(outcome, await wordingAt(context, ref, outcome.pending, before))
}

function answer({ pending, queue_revision }: Changed, wording: Wording): HttpResponse {
  return json({ pending: { ...pending, ...wording }, queue_revision }, 200, { ETag: tagOf('entry', pending.revision) })
}
