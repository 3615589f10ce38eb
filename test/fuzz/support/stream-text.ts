import type { z } from 'zod'
import { allRoutes } from '../../../src/http/routes/index.ts'
import type { Passed } from './gate.ts'

const STREAMING = allRoutes().flatMap(({ method, path, responses }) =>
  Object.values(responses).flatMap(({ media = {} }) =>
    Object.entries(media).map(([type, schema]) => ({
      type,
      method: method.toUpperCase(),
      pattern: new RegExp(`^${path.replace(/:\w+/g, '[^/?]+')}/?(\\?|$)`),
      schema,
    })),
  ),
)

/** What is wrong with the JSON of an answer that came bit by bit; empty: nothing. A cut one may end in half a piece. */
export function streamProblems({ method, path, type, stream, cut }: Passed): string[] {
  if (stream === null) return []
  const found = STREAMING.find((one) => one.type === type && one.method === method && one.pattern.test(path))
  if (found === undefined) return [`no route promises ${type} here`]
  const pieces = type === 'text/event-stream' ? dataOf(stream) : stream.split('\n')
  if (cut) pieces.pop()
  return pieces.filter((piece) => piece !== '').flatMap((piece) => pieceProblems(found.schema, piece))
}

function dataOf(stream: string): string[] {
  return stream.split('\n\n').map((frame) =>
    frame
      .split('\n')
      .filter((line) => line.startsWith('data: '))
      .map((line) => line.slice('data: '.length))
      .join('\n'),
  )
}

function pieceProblems(schema: z.ZodType, piece: string): string[] {
  try {
    const issues = schema.safeParse(JSON.parse(piece)).error?.issues ?? []
    return issues.map(({ path, message }) => `${path.join('.')}: ${message} in ${piece.slice(0, 300)}`)
  } catch (error) {
    return [`${String(error)} in ${piece.slice(0, 300)}`]
  }
}
