import { z } from 'zod'
import { eventJsonSchema } from '../../events/json-schema.ts'
import { decodeEventCursor, eventCursor } from '../cursors.ts'
import { requireRun, requireThread } from '../lookup.ts'
import type { HttpContext } from '../options.ts'
import { presentEvent } from '../present.ts'
import { json, type HttpResponse } from '../response.ts'
import { checkReach, resumeCursor } from '../resume.ts'
import { route, type Input, type Route } from '../route.ts'
import { anyId, DEFAULT_LIMIT, threadId } from '../schemas/common.ts'
import { eventList, eventQuery, eventStreamQuery, logEvent } from '../schemas/events.ts'
import { streamEvents } from '../streams/event-stream.ts'
import { checkStreams, listen } from '../streams/listen.ts'
import { runScope } from '../streams/run-stream.ts'

/** Whose log: a thread's, or the part of it that is a run's. */
type Source = { thread_id: string; run_id?: string; scope: string }
type Kind = 'run' | 'thread'

export function eventRoutes(): Route[] {
  return [schemaRoute(), ...logRoutes()]
}

function schemaRoute(): Route {
  return route({
    method: 'get',
    path: '/v1/events/schema',
    tag: 'Events',
    summary: 'The JSON Schema of every kind of event',
    responses: {
      '200': { description: 'JSON Schema 2020-12', media: { 'application/schema+json': z.record(z.string(), z.json()) } },
    },
    problems: [],
    handle: () => ({
      kind: 'text',
      status: 200,
      body: JSON.stringify(eventJsonSchema()),
      type: 'application/schema+json; charset=utf-8',
    }),
  })
}

function logRoutes(): Route[] {
  return (['thread', 'run'] as const).flatMap((kind) => {
    const common = {
      params: z.object({ id: kind === 'run' ? anyId : threadId }),
      missing: kind === 'run' ? 'run_not_found' : 'thread_not_found',
      tag: 'Events',
      method: 'get',
    } as const
    const absent = kind === 'run' ? (['run_not_found'] as const) : (['thread_not_found', 'thread_deleted'] as const)
    return [
      route({
        ...common,
        path: `/v1/${kind}s/:id/events`,
        summary: `Read the log of a ${kind}`,
        query: eventQuery,
        responses: { '200': { description: 'Canonical events in order', schema: eventList } },
        problems: [...absent, 'invalid_cursor', 'cursor_expired'],
        handle: (context, input) => list(context, kind, input),
      }),
      route({
        ...common,
        path: `/v1/${kind}s/:id/events/stream`,
        summary: `Follow the log of a ${kind}`,
        query: eventStreamQuery,
        responses: { '200': { description: 'Canonical events as they are stored', media: { 'text/event-stream': logEvent } } },
        problems: [...absent, 'invalid_cursor', 'cursor_expired', 'too_many_streams'],
        handle: (context, input) => follow(context, kind, input),
      }),
    ]
  })
}

async function list(
  context: HttpContext,
  kind: Kind,
  input: Input<{ id: string }, z.output<typeof eventQuery>, undefined>,
): Promise<HttpResponse> {
  // A log that has something in it says by itself that its thread is there.
  const told = kind === 'thread' && input.query.cursor === undefined
  const { scope, ...source } = told ? sourceOfThread(input.params.id) : await sourceOf(context, kind, input.params.id)
  const after_seq = input.query.cursor === undefined ? 0 : decodeEventCursor(scope, input.query.cursor)
  if (input.query.cursor !== undefined) await checkReach(context, source.thread_id, after_seq, input.query.cursor)
  const limit = input.query.limit ?? DEFAULT_LIMIT
  const { kinds } = input.query
  const query = { ...source, ...(kinds === undefined ? {} : { kinds }), after_seq, limit: limit + 1 }
  const { events, last_seq, kept_from } = await context.store.conversation.listEvents(context.tenant, query)
  if (told && last_seq === 0) await requireThread(context, source.thread_id)
  const shown = events.slice(0, limit)
  const last = shown.at(-1)
  // Of a few kinds, what lies behind the last one shown has been looked at as well.
  const beyond = kinds !== undefined && events.length <= limit && last_seq > (last?.event_seq ?? after_seq)
  const next_cursor = beyond
    ? eventCursor(scope, last_seq)
    : last === undefined
      ? (input.query.cursor ?? eventCursor(scope, kept_from - 1))
      : eventCursor(scope, last.event_seq, last.occurred_at)
  return json({ items: shown.map((event) => presentEvent(event, scope)), next_cursor, has_more: events.length > limit, limit })
}

async function follow(
  context: HttpContext,
  kind: Kind,
  input: Input<{ id: string }, z.output<typeof eventStreamQuery>, undefined>,
): Promise<HttpResponse> {
  checkStreams(context)
  const source = await sourceOf(context, kind, input.params.id)
  const cursor = resumeCursor(input.query.cursor, input.headers)
  const after_seq = cursor === undefined ? 0 : decodeEventCursor(source.scope, cursor)
  if (cursor !== undefined) await checkReach(context, source.thread_id, after_seq, cursor)
  const inbox = listen(context, source.thread_id, input.gone)
  return { kind: 'stream', run: streamEvents.bind(null, context, { ...source, kinds: input.query.kinds, after_seq, inbox }) }
}

async function sourceOf(context: HttpContext, kind: Kind, id: string): Promise<Source> {
  if (kind === 'thread') return sourceOfThread((await requireThread(context, id)).id)
  const { thread_id, run_id } = await requireRun(context, id)
  return { thread_id, run_id, scope: runScope(run_id) }
}

function sourceOfThread(thread_id: string): Source {
  return { thread_id, scope: `thread:${thread_id}` }
}
