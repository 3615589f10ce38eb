import { z } from 'zod'
import type { HttpContext } from './options.ts'
import type { ProblemCode } from './problems.ts'
import type { HttpResponse } from './response.ts'
import { isPublic } from './roles.ts'

/** What a handler gets: parsed and checked, whatever way it came in. */
export type Input<P, Q, B> = {
  params: P
  query: Q
  body: B
  /** Lower-case names. */
  headers: Readonly<Record<string, string | undefined>>
  /** True if the caller would rather have the first than the second media type; null: it takes neither. */
  prefers: (first: string, second: string) => boolean | null
  /** Fires when the caller goes away before the answer is complete. */
  gone: AbortSignal
}

type Schema = z.ZodType
type Out<S> = S extends Schema ? z.output<S> : undefined

/** One route: what the OpenAPI document says of it and how it is answered. `path` in Express's form (`/v1/runs/:id`). */
export type RouteSpec<P extends z.ZodObject | undefined, Q extends z.ZodObject | undefined, B extends Schema | undefined> = {
  method: 'get' | 'post' | 'patch' | 'put' | 'delete'
  path: string
  tag: string
  summary: string
  params?: P
  /** What is said when an id in the path cannot be one. */
  missing?: ProblemCode
  query?: Q
  /** Headers that the document should tell of; handlers read them as they came. */
  request_headers?: z.ZodObject
  body?: B
  /** The body may be left out; it is then read as `{}`. */
  body_optional?: boolean
  responses: Record<string, { description: string; schema?: Schema; media?: Record<string, Schema>; headers?: z.ZodObject }>
  problems: readonly ProblemCode[]
  handle: (context: HttpContext, input: Input<Out<P>, Out<Q>, Out<B>>) => Promise<HttpResponse> | HttpResponse
}

/** A route whose types have been checked against its handler. */
export type Route = Omit<RouteSpec<z.ZodObject | undefined, z.ZodObject | undefined, Schema | undefined>, 'handle'> & {
  handle: (context: HttpContext, input: Input<never, never, never>) => Promise<HttpResponse> | HttpResponse
}

export function route<
  P extends z.ZodObject | undefined = undefined,
  Q extends z.ZodObject | undefined = undefined,
  B extends Schema | undefined = undefined,
>(spec: RouteSpec<P, Q, B>): Route {
  // What stands in the wrong place would be left out without a word. Who only looks whether the service is there may
  // send what they like: it asks for nothing.
  const query = spec.query ?? (isPublic(spec) ? undefined : z.object({}))
  return { ...spec, query: strict(query), body: strict(spec.body) } as unknown as Route
}

/** What is misspelt would be left out without a word, and something else done than the caller thinks. */
function strict<S extends Schema | undefined>(schema: S): S {
  if (!(schema instanceof z.ZodObject)) return schema
  const told = schema.meta()
  return (told === undefined ? schema.strict() : schema.strict().meta(told)) as unknown as S
}
