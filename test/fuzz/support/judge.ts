import { openApiDocument } from '../../../src/http/openapi.ts'
import { PROBLEMS, type ProblemCode } from '../../../src/http/problems.ts'
import type { Route } from '../../../src/http/route.ts'
import { allRoutes } from '../../../src/http/routes/index.ts'
import { problem } from '../../../src/http/schemas/common.ts'
import type { RawAnswer } from './raw-http.ts'

const document = openApiDocument(allRoutes(), 'fuzz') as {
  paths: Record<string, Record<string, { responses: Record<string, unknown> }>>
}

/** What is wrong with an answer of this route; empty: nothing. `besides`: statuses that the address or HTTP itself brings. */
export function answerProblems(route: Route, answer: RawAnswer, besides: readonly number[] = []): string[] {
  const { status, headers, body } = answer
  const type = (headers['content-type'] ?? '').split(';')[0] ?? ''
  if (status === 0) return besides.includes(0) ? [] : ['no answer']
  if (status >= 500) return [`${String(status)} ${body.slice(0, 300)}`]
  const { responses } = document.paths[route.path.replace(/:(\w+)/g, '{$1}')]?.[route.method] ?? { responses: {} }
  if (!(String(status) in responses) && !besides.includes(status)) return [`undocumented ${String(status)} ${body.slice(0, 300)}`]
  if (status >= 400) return type === '' && besides.includes(status) && body === '' ? [] : problemProblems(status, type, body)
  const promised = route.responses[String(status)]
  const schema = promised?.media?.[type] ?? promised?.schema
  if (schema === undefined || !type.includes('json') || type.includes('ndjson')) return []
  const parsed = schema.safeParse(JSON.parse(body))
  return (parsed.error?.issues ?? []).map(({ path, message }) => `body: ${path.join('.')} ${message}`)
}

function problemProblems(status: number, type: string, body: string): string[] {
  if (type !== 'application/problem+json') return [`an error of type "${type}": ${body.slice(0, 300)}`]
  const { error, data } = problem.safeParse(JSON.parse(body))
  if (data === undefined) return [`no problem document: ${String(error)}`]
  const fits = data.status === status && PROBLEMS[data.code as ProblemCode]?.status === status && data.detail === data.error
  // Nothing of the inside: no stack, no path of a source file, no name of a module.
  const leaks = /\bat .+:\d+:\d+|node_modules|\/src\/|ZodError|TypeError|SyntaxError|select |insert /i.test(data.detail)
  return [...(fits ? [] : [`contradicts itself: ${body}`]), ...(leaks ? [`tells of the inside: ${body}`] : [])]
}
