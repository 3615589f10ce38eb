import { z } from 'zod'
import type { Route } from './route.ts'

export const EVENT_STREAM = 'text/event-stream'

const repeats = z.object({
  'Idempotency-Key': z
    .string()
    .regex(/^[\x20-\x7e]{0,254}[\x21-\x7e]$/)
    .optional()
    .meta({ description: 'The same request again under the same key is answered as it was the first time' }),
})
const resumes = z.object({
  'Last-Event-ID': z.string().optional().meta({ description: 'The `id` of the last event that came; counts before `cursor`' }),
})

/** What the document tells of a route's headers: its own, and those that whole kinds of routes have. Undefined: none. */
export function headersOf({ method, request_headers, problems, responses }: Route): z.ZodObject | undefined {
  const joins = method === 'get' && Object.values(responses).some(({ media }) => media?.[EVENT_STREAM] !== undefined)
  const all = [request_headers, problems.includes('idempotency_conflict') ? repeats : undefined, joins ? resumes : undefined]
  const shapes = all.filter((one) => one !== undefined).map(({ shape }) => shape)
  return shapes.length === 0 ? undefined : z.object(Object.assign({}, ...shapes) as z.ZodRawShape)
}
