import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponseObject,
} from 'zod-openapi'
import { groupBy } from './group.ts'
import { PROBLEMS, type ProblemCode } from './problems.ts'
import type { Route } from './route.ts'
import { problem } from './schemas/common.ts'

/** Errors that any route can end with. */
const ALWAYS: readonly ProblemCode[] = ['invalid_request', 'internal_error', 'store_unavailable']
const WITH_BODY: readonly ProblemCode[] = ['malformed_json', 'body_too_large', 'unsupported_media_type']

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
    paths,
  })
  document = { routes: routes.length, version, value }
  return value
}

function operation(route: Route): ZodOpenApiOperationObject {
  const { method, path, summary, tag, params, query, request_headers, body, body_optional } = route
  const operationId = `${method}${path.replace(/\/v1/, '').replace(/[/:_.]+(\w)/g, (_all, letter: string) => letter.toUpperCase())}`
  const requestParams = {
    ...(params === undefined ? {} : { path: params }),
    ...(query === undefined ? {} : { query }),
    ...(request_headers === undefined ? {} : { header: request_headers }),
  }
  return {
    operationId,
    summary,
    tags: [tag],
    requestParams,
    ...(body === undefined
      ? {}
      : { requestBody: { required: body_optional !== true, content: { 'application/json': { schema: body } } } }),
    responses: { ...answers(route), ...refusals(route) },
  }
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

function refusals(route: Route): Record<`${4 | 5}${string}`, ZodOpenApiResponseObject> {
  const codes = [...route.problems, ...ALWAYS, ...(route.body === undefined ? [] : WITH_BODY)]
  const byStatus = groupBy(new Set(codes), (code) => String(PROBLEMS[code].status))
  const entries = [...byStatus]
    .filter(([status]) => !(status in route.responses))
    .map(
      ([status, of]) =>
        [status, { description: of.join(', '), content: { 'application/problem+json': { schema: problem } } }] as const,
    )
  return Object.fromEntries(entries)
}
