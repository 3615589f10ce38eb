import { z } from 'zod'
import type { RunFilter } from '../../store/store.ts'
import type { RunRecord } from '../../thread/records.ts'
import { decodeEventCursor } from '../cursors.ts'
import { refOf, requireRun, requireThread } from '../lookup.ts'
import type { HttpContext } from '../options.ts'
import { pageRequest, presentPage } from '../paging.ts'
import { presentRun } from '../present.ts'
import { HttpProblem } from '../problems.ts'
import { json } from '../response.ts'
import { route, type Route } from '../route.ts'
import { anyId, listOf, threadId } from '../schemas/common.ts'
import { runEvent, runStreamQuery, threadRunEvent, threadStreamQuery } from '../schemas/events.ts'
import { runQuery, runRecord, waitQuery } from '../schemas/runs.ts'
import { checkStreams, listen } from '../streams/listen.ts'
import type { StreamStart } from '../streams/opening.ts'
import { runScope, streamRun } from '../streams/run-stream.ts'
import { streamThread, threadScope, type ThreadStreamStart } from '../streams/thread-stream.ts'
import { waitForRun } from '../streams/wait.ts'
import { checkReach, resumeCursor } from '../resume.ts'

const byRun = { params: z.object({ id: anyId }), missing: 'run_not_found', tag: 'Runs' } as const
const byThread = { params: z.object({ id: threadId }), missing: 'thread_not_found', tag: 'Runs' } as const
const GONE = ['thread_not_found', 'thread_deleted'] as const
const DEFAULT_WAIT_MS = 30_000

export function runRoutes(): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/runs',
      tag: 'Runs',
      summary: 'List runs, newest first',
      query: runQuery,
      responses: { '200': { description: 'Runs', schema: listOf(runRecord) } },
      problems: ['invalid_cursor'],
      handle: (context, { query }) => listRuns(context, 'runs', query, {}),
    }),
    route({
      ...byRun,
      method: 'get',
      path: '/v1/runs/:id',
      summary: 'Read a run',
      responses: { '200': { description: 'The run', schema: runRecord } },
      problems: ['run_not_found'],
      handle: async (context, input) => json(presentRun(await requireRun(context, input.params.id))),
    }),
    route({
      ...byRun,
      method: 'get',
      path: '/v1/runs/:id/wait',
      summary: 'Wait until a run ends or pauses',
      query: waitQuery,
      responses: { '200': { description: 'The run, ended or waiting', schema: runRecord } },
      problems: ['run_not_found', 'wait_timeout'],
      async handle(context, { params: { id }, query, gone }) {
        const { thread_id } = await requireRun(context, id)
        const inbox = listen(context, thread_id, gone)
        const timeout_ms = Math.min(context.limits.wait_max_ms, Math.max(1, query.timeout_ms ?? DEFAULT_WAIT_MS))
        try {
          const run = await waitForRun(context, { thread_id, run_id: id, inbox, until: isSettled, timeout_ms, gone })
          if (run !== null) return json(presentRun(run))
        } finally {
          inbox.close()
        }
        throw new HttpProblem('wait_timeout', 'The run goes on; ask again, or follow GET /v1/runs/{id}/stream.', { run_id: id })
      },
    }),
    route({
      ...byRun,
      method: 'get',
      path: '/v1/runs/:id/stream',
      summary: 'Join a run',
      query: runStreamQuery,
      responses: { '200': { description: 'Native run events', media: { 'text/event-stream': runEvent } } },
      problems: ['run_not_found', 'invalid_cursor', 'cursor_expired', 'too_many_streams'],
      async handle(context, { params: { id }, query, headers, gone }) {
        checkStreams(context)
        const { thread_id } = await requireRun(context, id)
        const cursor = resumeCursor(query.cursor, headers)
        const seq = cursor === undefined ? null : decodeEventCursor(runScope(id), cursor)
        if (seq !== null) await checkReach(context, thread_id, seq, cursor)
        const start: StreamStart = seq !== null ? { from: 'after', seq } : { from: query.from ?? 'join' }
        const inbox = listen(context, thread_id, gone)
        const run = streamRun.bind(null, context, { thread_id, run_id: id, start, ends_on_wait: false, inbox })
        return { kind: 'stream', headers: { 'Content-Location': `/v1/runs/${id}` }, run }
      },
    }),
    route({
      ...byThread,
      method: 'get',
      path: '/v1/threads/:id/stream',
      summary: 'Watch all runs of a thread',
      query: threadStreamQuery,
      responses: { '200': { description: 'Native run events', media: { 'text/event-stream': threadRunEvent } } },
      problems: [...GONE, 'invalid_cursor', 'cursor_expired', 'too_many_streams'],
      async handle(context, { params: { id }, query, headers, gone }) {
        checkStreams(context)
        const { id: thread_id } = await requireThread(context, id)
        const cursor = resumeCursor(query.cursor, headers)
        const seq = cursor === undefined ? null : decodeEventCursor(threadScope(thread_id), cursor)
        if (seq !== null) await checkReach(context, thread_id, seq, cursor)
        const start: ThreadStreamStart = seq !== null ? { from: 'after', seq } : { from: query.from ?? 'join' }
        const inbox = listen(context, thread_id, gone)
        return { kind: 'stream', run: streamThread.bind(null, context, { thread_id, start, inbox }) }
      },
    }),
    route({
      ...byThread,
      method: 'get',
      path: '/v1/threads/:id/runs',
      summary: 'List the runs of a thread, newest first',
      query: runQuery,
      responses: { '200': { description: 'Runs', schema: listOf(runRecord) } },
      problems: [...GONE, 'invalid_cursor'],
      async handle(context, { params: { id }, query }) {
        await requireThread(context, id)
        return await listRuns(context, `runs:${id}`, query, { thread_id: id })
      },
    }),
    route({
      ...byThread,
      method: 'get',
      path: '/v1/threads/:id/runs/active',
      summary: 'The open run of a thread, if any',
      responses: {
        '200': { description: 'The run that runs or waits, or null', schema: z.object({ active_run: runRecord.nullable() }) },
      },
      problems: GONE,
      async handle(context, input) {
        const { active_run_id } = await requireThread(context, input.params.id)
        const run =
          active_run_id === null ? null : await context.store.conversation.getRun(context.tenant, active_run_id, input.params.id)
        return json({ active_run: run === null || run.status === 'done' ? null : presentRun(run) })
      },
    }),
    route({
      ...byThread,
      method: 'get',
      path: '/v1/threads/:id/runs/latest',
      summary: 'The latest run of a thread',
      responses: { '200': { description: 'The run', schema: runRecord } },
      problems: [...GONE, 'run_not_found'],
      async handle(context, input) {
        const { id } = await requireThread(context, input.params.id)
        const run = await context.store.conversation.latestRun(refOf(context, id))
        if (run === null) throw new HttpProblem('run_not_found', 'This thread has no run yet.')
        return json(presentRun(run))
      },
    }),
  ]
}

/** Nothing more happens to the run without somebody doing something. */
export function isSettled(run: RunRecord): boolean {
  return run.status === 'done' || run.status === 'waiting'
}

async function listRuns(context: HttpContext, scope: string, query: z.output<typeof runQuery>, of: RunFilter) {
  const filter = query.status === undefined ? of : { ...of, status: query.status }
  const page = await context.store.conversation.listRuns(context.tenant, filter, pageRequest(scope, query))
  return json(presentPage(scope, query, page, presentRun))
}
