import { expect } from 'vitest'
import { allRoutes } from '../../../src/http/routes/index.ts'
import type { Answered } from './client.ts'

/** The answer has this status and the body that the contract promises for it. */
export function expectAnswer(answer: Answered, route: string, status: number): any {
  expect({ status: answer.status, body: answer.body }).toMatchObject({ status })
  const [method, path] = route.split(' ')
  const found = allRoutes().find((each) => each.method === method?.toLowerCase() && each.path === path)
  if (found === undefined) throw new Error(`there is no route ${route}`)
  const { schema, media } = found.responses[String(status)] ?? {}
  const type = answer.headers.get('content-type')?.split(';')[0] ?? ''
  const promised = media?.[type] ?? schema
  if (promised !== undefined) expect(promised.safeParse(answer.body).error?.issues).toBeUndefined()
  return answer.body
}
