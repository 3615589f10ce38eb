import type { Request } from 'express'
import type { z } from 'zod'
import { checkJson } from './check-json.ts'
import { HttpProblem } from './problems.ts'
import { isPublic } from './roles.ts'
import type { Input, Route } from './route.ts'
import { withoutAliases } from './schemas/common.ts'

/** A request as its route's schemas read it. Throws problems: the path's 404, the query's and the body's 400. */
export function readInput(route: Route, req: Request, gone: AbortSignal): Input<never, never, never> {
  const params = route.params?.safeParse(req.params)
  if (params?.success === false) throw new HttpProblem(route.missing ?? 'not_found', 'There is nothing with this id.')
  checkJson(req.query)
  // Whoever calls has been asked by now; what they showed is no business of the route's.
  const { access_token: _token, ...named } = req.query
  const query = read(route.query, withoutAliases(named), 'query')
  if (route.body === undefined && hasBody(req) && !isPublic(route))
    throw new HttpProblem('invalid_request', 'This request takes no body: what stands in it would be left out without a word.')
  const body = route.body === undefined ? undefined : readBody(route, req)
  const input: Input<unknown, unknown, unknown> = {
    params: params?.data,
    query,
    body,
    headers: singleHeaders(req),
    prefers: preference(req),
    gone,
  }
  return input as Input<never, never, never>
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}

function readBody(route: Route, req: Request): unknown {
  const given: unknown = req.body
  if (given === undefined && route.body_optional !== true)
    throw new HttpProblem('invalid_request', 'The request needs a JSON body.')
  checkJson(given)
  return read(route.body, withoutAliases(given ?? {}), 'body')
}

function read(schema: z.ZodType | undefined, value: unknown, place: 'query' | 'body'): unknown {
  if (schema === undefined) return undefined
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues
    .flatMap(ofBranch)
    .slice(0, 20)
    .map((issue) => ({ path: pathText(issue.path), message: sentence(issue) }))
  const first = errors[0] ?? { path: '', message: 'is not valid' }
  const where = first.path === '' ? `The ${place}` : first.path
  throw new HttpProblem('invalid_request', `${where} ${first.message}.`, { errors })
}

/** Of a union: what is wrong in the only branch of the right kind (a string, a list), where there is one. */
function ofBranch(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const [branch, ...more] = issue.errors.filter((issues) => issues.length > 0 && issues.every(({ path }) => path.length > 0))
  if (branch === undefined || more.length > 0) return [issue]
  return branch.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })).flatMap(ofBranch)
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${String(key)}]` : index === 0 ? String(key) : `.${String(key)}`))
    .join('')
}

/** Our own sentences go on from the field's name; zod's stand behind a colon. */
function sentence(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.input === undefined && /^Invalid input/.test(issue.message))
    return `must be ${article(issue.expected)}`
  if (issue.code === 'unrecognized_keys')
    return `must not have ${issue.keys.map((key) => JSON.stringify(key.slice(0, 64))).join(', ')}: nothing has this name here`
  return /^[a-z]/.test(issue.message) ? issue.message : `is not valid: ${issue.message}`
}

function article(expected: string): string {
  return /^[aeiou]/.test(expected) ? `an ${expected}` : `a ${expected}`
}

function singleHeaders(req: Request): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(req.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  )
}

function preference(req: Request): Input<never, never, never>['prefers'] {
  return (first, second) => {
    const best = req.accepts([first, second])
    return best === false ? null : best === first
  }
}
