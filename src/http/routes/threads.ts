import { z } from 'zod'
import type { NewThread, ThreadRow, ThreadFilter } from '../../store/store.ts'
import { canonicalJson, type JsonObject } from '../../thread/json.ts'
import { idempotencyKey, newThreadId } from '../idempotency.ts'
import { refOf, requireThread, threadDeleted } from '../lookup.ts'
import type { HttpContext } from '../options.ts'
import { pageRequest, presentPage } from '../paging.ts'
import { presentSummary, presentThread } from '../present.ts'
import { HttpProblem } from '../problems.ts'
import { json, noContent } from '../response.ts'
import { route, type Route } from '../route.ts'
import { listOf, threadId } from '../schemas/common.ts'
import {
  deleteQuery,
  patchMetadata,
  patchThread,
  postThread,
  threadQuery,
  threadSummary,
  threadView,
} from '../schemas/threads.ts'

const params = z.object({ id: threadId })
const one = { params, missing: 'thread_not_found', tag: 'Threads' } as const
const shown = { '200': { description: 'The thread', schema: threadView } }
const GONE = ['thread_not_found', 'thread_deleted'] as const
type ThreadQuery = z.output<typeof threadQuery>

export function threadRoutes(): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/threads',
      tag: 'Threads',
      summary: 'Create a thread',
      body: postThread,
      responses: { '201': { description: 'The new thread', schema: threadView } },
      problems: ['parent_not_found', 'thread_exists', 'thread_deleted', 'idempotency_conflict'],
      async handle(context, { body, headers }) {
        const key = idempotencyKey(headers)
        const thread: NewThread = { ...body, id: body.id ?? newThreadId(context.tenant, 'POST /v1/threads', key) } as NewThread
        const row = await create(context, thread, key !== null && body.id === undefined)
        return json(view(context, row), 201, { Location: `/v1/threads/${row.id}` })
      },
    }),
    route({
      method: 'get',
      path: '/v1/threads',
      tag: 'Threads',
      summary: 'List threads, newest change first',
      query: threadQuery,
      responses: { '200': { description: 'Threads', schema: listOf(threadView) } },
      problems: ['invalid_cursor'],
      async handle(context, { query }) {
        const page = await context.store.threads.list(context.tenant, filterOf(query), pageRequest('threads', query))
        return json(presentPage('threads', query, page, (row) => view(context, row)))
      },
    }),
    route({
      method: 'get',
      path: '/v1/threads/summaries',
      tag: 'Threads',
      summary: 'List threads in short',
      query: threadQuery,
      responses: { '200': { description: 'Threads in short', schema: listOf(threadSummary) } },
      problems: ['invalid_cursor'],
      async handle(context, { query }) {
        const page = await context.store.threads.list(context.tenant, filterOf(query), pageRequest('threads', query))
        return json(presentPage('threads', query, page, presentSummary))
      },
    }),
    route({
      ...one,
      method: 'get',
      path: '/v1/threads/:id',
      summary: 'Read a thread',
      responses: shown,
      problems: GONE,
      handle: async (context, input) => json(view(context, await requireThread(context, input.params.id))),
    }),
    route({
      ...one,
      method: 'patch',
      path: '/v1/threads/:id',
      summary: 'Change title, resource, parent or custom data',
      body: patchThread,
      responses: shown,
      problems: [...GONE, 'parent_cycle', 'parent_not_found'],
      handle: async (context, { params: { id }, body }) => json(view(context, await patch(context, id, body))),
    }),
    route({
      ...one,
      method: 'patch',
      path: '/v1/threads/:id/metadata',
      summary: 'Change title and custom data',
      body: patchMetadata,
      responses: shown,
      problems: GONE,
      handle: async (context, { params: { id }, body }) => json(view(context, await patch(context, id, body))),
    }),
    route({
      ...one,
      method: 'delete',
      path: '/v1/threads/:id',
      summary: 'Delete a thread, its workflow and the history of that',
      query: deleteQuery,
      responses: { '204': { description: 'Deleted' } },
      problems: [...GONE, 'thread_has_children'],
      async handle(context, input) {
        const { id } = input.params
        await requireThread(context, id)
        const deleted = await context.store.threads.delete(context.tenant, id, input.query.child_strategy)
        if (deleted.status === 'has_children')
          throw new HttpProblem(
            'thread_has_children',
            'The thread has children; delete them first, or use child_strategy=detach or cascade.',
          )
        if (deleted.status !== 'deleted') throw threadDeleted()
        await Promise.all(deleted.ids.map((each) => endWorkflow(context, each)))
        return noContent()
      },
    }),
  ]
}

function view(context: HttpContext, row: ThreadRow): JsonObject {
  return presentThread(row, context.gateway.workflowId(refOf(context, row.id)))
}

function filterOf({ resource_id, parent_thread_id, root, status, updated_after }: ThreadQuery): ThreadFilter {
  const given = Object.entries({ resource_id, parent_thread_id, root, status, updated_after }).filter(
    ([, value]) => value !== undefined,
  )
  return Object.fromEntries(given) as ThreadFilter
}

/** `repeatable`: the id follows from the caller's key, so a thread that is there already is this request's own. */
async function create(context: HttpContext, thread: NewThread, repeatable: boolean): Promise<ThreadRow> {
  const created = await context.store.threads.create(context.tenant, thread)
  if (created.status === 'created') return created.thread
  if (created.status === 'deleted') throw threadDeleted()
  if (created.status === 'parent_not_found') throw parentNotFound()
  if (!repeatable)
    throw new HttpProblem('thread_exists', `There is a thread "${thread.id}" already; use it, or choose another id.`, {
      thread_id: thread.id,
    })
  const row = await requireThread(context, thread.id)
  // Once the thread has been changed, nothing tells what it was created with.
  if (row.created_at === row.updated_at && !sameThread(row, thread))
    throw new HttpProblem(
      'idempotency_conflict',
      'This key was used before with another request; give each request a key of its own.',
    )
  return row
}

function sameThread(row: ThreadRow, thread: NewThread): boolean {
  const shape = (of: NewThread): string =>
    canonicalJson([
      of.title ?? null,
      of.resource_id ?? null,
      of.parent_thread_id ?? null,
      of.custom ?? {},
      of.expires_after_s ?? null,
    ])
  return shape(row) === shape(thread)
}

async function patch(context: HttpContext, id: string, body: z.output<typeof patchThread>): Promise<ThreadRow> {
  const row = await requireThread(context, id)
  const given = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined))
  if (Object.keys(given).length === 0) return row
  const patched = await context.store.threads.patch(context.tenant, id, given)
  if (patched === 'cycle')
    throw new HttpProblem('parent_cycle', 'The parent is this thread itself or one of its descendants; choose another.')
  if (patched === 'parent_not_found') throw parentNotFound()
  if (patched === null) throw threadDeleted()
  return patched
}

function parentNotFound(): HttpProblem {
  return new HttpProblem('parent_not_found', 'parent_thread_id names no thread; create the parent first, or leave it out.')
}

/**
 * The rows are gone and later writes are fenced, so a workflow that cannot be reached now ends by itself; and a worker
 * has the engine forget it once that can be reached.
 */
async function endWorkflow(context: HttpContext, thread_id: string): Promise<void> {
  try {
    await context.gateway.terminate(refOf(context, thread_id), 'the thread was deleted')
    await context.gateway.forget(refOf(context, thread_id))
  } catch (error) {
    context.log.warn({ err: error, thread_id }, 'the workflow of a deleted thread could not be ended')
  }
}
