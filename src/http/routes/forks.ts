import { z } from 'zod'
import type { Forked, NewThread, ThreadRow } from '../../store/store.ts'
import { canonicalJson } from '../../thread/json.ts'
import { idempotencyKey, newThreadId } from '../idempotency.ts'
import { refOf, threadDeleted } from '../lookup.ts'
import type { HttpContext } from '../options.ts'
import { presentThread } from '../present.ts'
import { HttpProblem } from '../problems.ts'
import { json } from '../response.ts'
import { route, type Route } from '../route.ts'
import { threadId } from '../schemas/common.ts'
import { postFork, threadView } from '../schemas/threads.ts'

type Fork = { source: string; at: number; thread: NewThread }

export function forkRoutes(): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/threads/:id/fork',
      tag: 'Threads',
      summary: 'Make a thread whose history is this one’s up to a message',
      params: z.object({ id: threadId }),
      missing: 'thread_not_found',
      body: postFork,
      responses: { '201': { description: 'The new thread', schema: threadView } },
      problems: [
        'thread_not_found',
        'thread_deleted',
        'parent_not_found',
        'message_not_found',
        'open_tool_calls',
        'thread_exists',
        'idempotency_conflict',
      ],
      async handle(context, { params: { id: source }, body, headers }) {
        const key = idempotencyKey(headers)
        const { at_message_seq: at, ...given } = body
        const thread = { ...given, id: given.id ?? newThreadId(context.tenant, `POST /v1/threads/${source}/fork`, key) }
        const row = await forkOnce(context, { source, at, thread: thread as NewThread }, key !== null)
        return json(presentThread(row, context.gateway.workflowId(refOf(context, row.id))), 201, {
          Location: `/v1/threads/${row.id}`,
        })
      },
    }),
  ]
}

/** `repeatable`: the caller gave a key, so a fork of this id that was asked for in the same words is the answer. */
async function forkOnce(context: HttpContext, fork: Fork, repeatable: boolean): Promise<ThreadRow> {
  const { id } = fork.thread
  const before = repeatable ? await context.store.threads.get(context.tenant, id) : null
  if (before !== null && before !== 'deleted') return sameFork(before, fork)
  const forked = await context.store.threads.fork(context.tenant, fork.source, fork.at, fork.thread)
  if (forked.status === 'created') return forked.thread
  const there = forked.status === 'exists' && repeatable ? await context.store.threads.get(context.tenant, id) : null
  if (there !== null && there !== 'deleted') return sameFork(there, fork)
  throw refusal(forked, fork)
}

/** Throws `idempotency_conflict` for a thread that another request has made. */
function sameFork(row: ThreadRow, { source, at, thread }: Fork): ThreadRow {
  // Once the thread has been changed, nothing tells what it was created with.
  const untouched = row.created_at === row.updated_at
  const shape = (of: NewThread): string =>
    canonicalJson([
      of.title ?? null,
      of.parent_thread_id ?? null,
      of.custom ?? {},
      of.expires_after_s ?? null,
      thread.resource_id === undefined ? 0 : (of.resource_id ?? null),
    ])
  if (row.forked_from_thread_id === source && row.forked_at_seq === at && (!untouched || shape(row) === shape(thread))) return row
  throw new HttpProblem(
    'idempotency_conflict',
    'This key was used before with another request; give each request a key of its own.',
  )
}

function refusal(forked: Exclude<Forked, { status: 'created' }>, { at, thread }: Fork): HttpProblem {
  switch (forked.status) {
    case 'source_not_found':
      return new HttpProblem('thread_not_found', 'There is no thread with this id.')
    case 'source_deleted':
    case 'deleted':
      return threadDeleted()
    case 'exists':
      return new HttpProblem('thread_exists', `There is a thread "${thread.id}" already; use it, or choose another id.`, {
        thread_id: thread.id,
      })
    case 'parent_not_found':
      return new HttpProblem('parent_not_found', 'parent_thread_id names no thread; create the parent first, or leave it out.')
    case 'no_such_message': {
      const { last_seq } = forked
      const last = last_seq === 0 ? 'it has none yet' : `its last is ${String(last_seq)}`
      return new HttpProblem('message_not_found', `The thread has no message ${String(at)}; ${last}.`, {
        last_message_seq: last_seq,
      })
    }
    case 'open_calls': {
      const { before, after } = forked
      const places = [before, after].filter((place) => place !== null).map(String)
      const where = places.length === 0 ? 'Wait until its step has its results.' : `Fork at ${places.join(' or ')} instead.`
      const detail = `At message ${String(at)} a tool call has no result yet. ${where}`
      return new HttpProblem('open_tool_calls', detail, { nearest: { before, after } })
    }
  }
}
