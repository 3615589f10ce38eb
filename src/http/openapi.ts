import {
  createDocument,
  type oas31,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponseObject,
} from 'zod-openapi'
import { groupBy } from './group.ts'
import { PROBLEMS, type ProblemCode } from './problems.ts'
import { EVENT_STREAM, headersOf } from './request-headers.ts'
import { roleFor, takesStreamToken } from './roles.ts'
import type { Route } from './route.ts'
import { problem } from './schemas/common.ts'

/** Errors that any route can end with. */
const ALWAYS: readonly ProblemCode[] = ['invalid_request', 'internal_error', 'store_unavailable']
/** Errors of every route that is not for everybody. */
const GUARDED: readonly ProblemCode[] = ['unauthenticated', 'forbidden', 'rate_limited', 'authentication_unavailable']
const WITH_BODY: readonly ProblemCode[] = ['malformed_json', 'body_too_large', 'unsupported_media_type']

const SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API key, or a token of the identity provider' },
  api_key: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key' },
  access_token: {
    type: 'apiKey',
    in: 'query',
    name: 'access_token',
    description: 'A short-lived token that reads one thread, of POST /v1/threads/{id}/stream-tokens',
  },
} as const

let document: { routes: number; version: string; value: object } | null = null

/** The OpenAPI 3.1 document of these routes, made once. */
export function openApiDocument(routes: readonly Route[], version: string): object {
  if (document?.version === version && document.routes === routes.length) return document.value
  const paths: ZodOpenApiPathsObject = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method]: operation(route) }
  }
  const value = createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Weft',
      version,
      description: 'Durable agent threads: every conversation is a workflow that can be steered, watched and never lost.',
    },
    components: { securitySchemes: SCHEMES },
    paths,
  })
  for (const { path, method } of routes) {
    const made = value.paths?.[path.replace(/:(\w+)/g, '{$1}')]?.[method]
    if (made?.responses !== undefined) tellFrames(Object.values(made.responses) as oas31.ResponseObject[])
  }
  document = { routes: routes.length, version, value }
  return value
}

function operation(route: Route): ZodOpenApiOperationObject {
  const { method, path, summary, tag, params, query, body, body_optional } = route
  const header = headersOf(route)
  const operationId = `${method}${path.replace(/\/v1/, '').replace(/[/:_.]+(\w)/g, (_all, letter: string) => letter.toUpperCase())}`
  const requestParams = {
    ...(params === undefined ? {} : { path: params }),
    ...(query === undefined ? {} : { query }),
    ...(header === undefined ? {} : { header }),
  }
  return {
    operationId,
    summary,
    tags: [tag],
    ...guard(route),
    requestParams,
    ...(body === undefined
      ? {}
      : { requestBody: { required: body_optional !== true, content: { 'application/json': { schema: body } } } }),
    responses: { ...answers(route), ...refusals(route) },
  }
}

/** How to come in, and the least role that may. */
function guard(route: Route): Pick<ZodOpenApiOperationObject, 'security'> & { 'x-role': string } {
  const role = roleFor(route)
  if (role === 'public') return { security: [], 'x-role': role }
  const ways = ['bearer', 'api_key', ...(takesStreamToken(route) ? ['access_token'] : [])]
  return { security: ways.map((way) => ({ [way]: [] })), 'x-role': role }
}

function answers(route: Route): Record<`${2 | 3 | 5}${string}`, ZodOpenApiResponseObject> {
  const entries = Object.entries(route.responses).map(([status, { description, schema, media, headers }]) => {
    const types = media ?? (schema === undefined ? {} : { 'application/json': schema })
    const content = Object.fromEntries(Object.entries(types).map(([type, of]) => [type, { schema: of }]))
    const head = headers === undefined ? { description } : { description, headers }
    return [status, Object.keys(content).length === 0 ? head : { ...head, content }] as const
  })
  return Object.fromEntries(entries)
}

/** What a stream sends is text; OpenAPI has words for JSON that stands in a text. */
function tellFrames(responses: oas31.ResponseObject[]): void {
  for (const { content } of responses) {
    const media = content?.[EVENT_STREAM]
    if (media?.schema === undefined) continue
    const id = { type: 'string', description: 'Send it back as Last-Event-ID, or as `cursor`' } as const
    const event = { type: 'string', const: 'message', description: 'Never sent: all events are plain messages' } as const
    const data = { type: 'string', contentMediaType: 'application/json', contentSchema: media.schema } as const
    media.schema = { type: 'object', properties: { id, event, data }, required: ['data'], additionalProperties: false }
  }
}

function refusals(route: Route): Record<`${4 | 5}${string}`, ZodOpenApiResponseObject> {
  const guarded = roleFor(route) === 'public' ? [] : GUARDED
  // An id in the path that cannot be one names nothing.
  const missing = route.params === undefined ? [] : [route.missing ?? 'not_found']
  const codes = [...route.problems, ...missing, ...ALWAYS, ...guarded, ...(route.body === undefined ? [] : WITH_BODY)]
  const byStatus = groupBy(new Set(codes), (code) => String(PROBLEMS[code].status))
  const entries = [...byStatus]
    .filter(([status]) => !(status in route.responses))
    .map(
      ([status, of]) =>
        [status, { description: of.join(', '), content: { 'application/problem+json': { schema: problem } } }] as const,
    )
  return Object.fromEntries(entries)
}
