import { HttpProblem } from './problems.ts'

/** Deeper values would overflow the stack of whoever walks them. */
const MAX_DEPTH = 64
/** NUL and halves of surrogate pairs are JSON but no text that Postgres can keep. */
// eslint-disable-next-line no-control-regex
const UNSTORABLE = /\u0000|\p{Surrogate}/u

/** Throws `invalid_request` for a parsed body that is too deep or holds text that cannot be stored. */
export function checkJson(body: unknown): void {
  const stack: { value: unknown; depth: number }[] = [{ value: body, depth: 0 }]
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { value, depth } = top
    if (typeof value === 'string') checkText(value)
    if (typeof value !== 'object' || value === null) continue
    if (depth >= MAX_DEPTH)
      throw new HttpProblem('invalid_request', `The body is nested deeper than ${String(MAX_DEPTH)} levels.`)
    for (const [key, inner] of Object.entries(value)) {
      if (!Array.isArray(value)) checkText(key)
      stack.push({ value: inner, depth: depth + 1 })
    }
  }
}

function checkText(text: string): void {
  if (!UNSTORABLE.test(text)) return
  throw new HttpProblem(
    'invalid_request',
    'The body holds a NUL character or half a surrogate pair, which cannot be stored; remove it.',
  )
}
