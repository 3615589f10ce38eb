import { z } from 'zod'
import { docsPage, errorsPage } from '../docs-pages.ts'
import type { JsonObject } from '../../thread/json.ts'
import { openApiDocument } from '../openapi.ts'
import type { AgentSummary, HttpContext } from '../options.ts'
import { pageRequest, presentPage } from '../paging.ts'
import { HttpProblem } from '../problems.ts'
import { json } from '../response.ts'
import { route, type Route } from '../route.ts'
import { listOf, page } from '../schemas/common.ts'
import { agentView, healthView } from '../schemas/events.ts'

type Component = { status: 'ok' | 'down' | 'unknown'; latency_ms?: number }

/** `allRoutes`: what the contract and the pages describe. */
export function serviceRoutes(allRoutes: () => Route[]): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/agents',
      tag: 'Agents',
      summary: 'List agents',
      query: z.object(page),
      responses: { '200': { description: 'Agents', schema: listOf(agentView) } },
      problems: ['invalid_cursor'],
      handle(context, { query }) {
        const { limit, offset = 0, cursor } = pageRequest('agents', query)
        const agents = context.agents()
        const from = cursor === undefined ? offset : Number(cursor)
        const items = agents.slice(from, from + limit)
        const next_cursor = String(from + items.length)
        const found = { items, total: agents.length, has_more: from + items.length < agents.length, next_cursor }
        return json(presentPage('agents', query, found, presentAgent))
      },
    }),
    route({
      method: 'get',
      path: '/v1/agents/:id',
      tag: 'Agents',
      summary: 'Read an agent',
      params: z.object({ id: z.string().min(1).max(256) }),
      missing: 'agent_not_found',
      responses: { '200': { description: 'The agent', schema: agentView } },
      problems: ['agent_not_found'],
      handle(context, input) {
        const agent = context.agents().find(({ id }) => id === input.params.id)
        if (agent === undefined) throw new HttpProblem('agent_not_found', 'There is no agent with this id. See GET /v1/agents.')
        return json(presentAgent(agent))
      },
    }),
    route({
      method: 'get',
      path: '/health',
      tag: 'Service',
      summary: 'Whether threads can be served',
      responses: {
        '200': { description: 'All is well', schema: healthView },
        '503': { description: 'A component is down, or this process is about to end', schema: healthView },
      },
      problems: [],
      async handle(context) {
        const [store, temporal, worker] = await Promise.all([
          probe(context, () => context.store.ping()),
          probe(context, () => context.gateway.ping()),
          context.workerPing === null ? { status: 'unknown' as const } : probe(context, context.workerPing),
        ])
        const down = [store, temporal, worker].some(({ status }) => status === 'down')
        // It serves until it is gone; the next request should go elsewhere all the same.
        const status = context.leaving ? 'leaving' : down ? 'down' : 'ok'
        const body = { status, version: context.version, components: { store, temporal, worker } }
        return status === 'ok' ? json(body) : json(body, 503, { 'Retry-After': '1' })
      },
    }),
    route({
      method: 'get',
      path: '/health/live',
      tag: 'Service',
      summary: 'Whether the process answers',
      responses: { '200': { description: 'It does', schema: z.object({ status: z.literal('ok') }) } },
      problems: [],
      handle: () => json({ status: 'ok' }),
    }),
    route({
      method: 'get',
      path: '/metrics',
      tag: 'Service',
      summary: 'Figures of this process, and the depth of the queues, for Prometheus',
      responses: { '200': { description: 'Prometheus’s text format', media: { 'text/plain': z.string() } } },
      problems: [],
      async handle({ metrics }) {
        if (metrics === null)
          return { kind: 'text', status: 200, body: '# Nothing is measured here.\n', type: 'text/plain; charset=utf-8' }
        return { kind: 'text', status: 200, body: await metrics.text(), type: metrics.contentType }
      },
    }),
    route({
      method: 'get',
      path: '/openapi.json',
      tag: 'Service',
      summary: 'This contract',
      responses: { '200': { description: 'An OpenAPI 3.1 document', schema: z.record(z.string(), z.json()) } },
      problems: [],
      handle: (context) => json(openApiDocument(allRoutes(), context.version)),
    }),
    route({
      method: 'get',
      path: '/docs',
      tag: 'Service',
      summary: 'The routes for people',
      responses: { '200': { description: 'A page', media: { 'text/html': z.string() } } },
      problems: [],
      // Where Temporal is concerns only those who may reach it.
      handle: async (context) =>
        html(docsPage(allRoutes(), (await context.auth.required()) ? { ...context, temporal: null } : context)),
    }),
    route({
      method: 'get',
      path: '/docs/errors',
      tag: 'Service',
      summary: 'The error codes for people',
      responses: { '200': { description: 'A page', media: { 'text/html': z.string() } } },
      problems: [],
      handle: () => html(errorsPage()),
    }),
  ]
}

function presentAgent({ description = null, ...agent }: AgentSummary): JsonObject {
  return { ...agent, description } as JsonObject
}

async function probe(context: HttpContext, ping: () => Promise<void>): Promise<Component> {
  const began = performance.now()
  const late = new AbortController()
  const timeout = new Promise<false>((resolve) => {
    const timer = setTimeout(() => {
      resolve(false)
    }, context.limits.health_ms)
    late.signal.addEventListener('abort', () => {
      clearTimeout(timer)
    })
  })
  const well = await Promise.race([
    ping()
      .then(() => true)
      .catch(() => false),
    timeout,
  ])
  late.abort()
  return well ? { status: 'ok', latency_ms: Math.round((performance.now() - began) * 10) / 10 } : { status: 'down' }
}

function html(body: string) {
  return { kind: 'text' as const, status: 200, body, type: 'text/html; charset=utf-8' }
}
