import { z } from 'zod'
import { isObject } from '../../thread/json.ts'

/** Shapes that the whole contract shares. */

/** What a client may choose as a thread's id. */
export const threadId = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,128}$/, 'must be 1 to 128 letters, digits, "-", "_" or "."')
  .meta({
    id: 'ThreadId',
    description: 'A UUIDv7, or the id that the client chose',
    example: '01984f6e-5d2b-7c3a-9f10-2b4c6d8e0f12',
  })
/** A run's, dispatch's, ticket's or pending message's id as it stands in a path. */
export const anyId = z.string().regex(/^[A-Za-z0-9_.:-]{1,160}$/, 'is not an id')
/** The caller's own name for its request, kept with the run. */
export const transportId = z
  .string()
  .regex(/^[A-Za-z0-9_.:/-]{1,256}$/, 'must be 1 to 256 letters, digits, "-", "_", ".", ":" or "/"')
export const messageId = z
  .string()
  .regex(/^[A-Za-z0-9_.:-]{1,128}$/, 'must be 1 to 128 letters, digits, "-", "_", "." or ":"')
  .meta({
    description:
      'Chosen by the client. The same message again is answered as it was the first time; another message with this id is refused',
    example: 'msg-1',
  })

/** Who acts, as the caller says; it is kept with what was done. */
export const actor = z
  .strictObject({ id: z.string().min(1).max(256).optional(), name: z.string().min(1).max(256).optional() })
  .meta({ id: 'Actor', description: 'Who acts, as the caller says; it is kept in the log' })

export { json, jsonObject, timestamp } from '../../events/fields.ts'

const ALIASES: Readonly<Record<string, string>> = {
  agentId: 'agent_id',
  threadId: 'thread_id',
  toolCallId: 'tool_call_id',
  resourceId: 'resource_id',
  parentThreadId: 'parent_thread_id',
}

/** The five camelCase names that are accepted for their snake_case ones; the latter win. */
export function withoutAliases(value: unknown): unknown {
  if (!isObject(value)) return value
  const plain: Record<string, unknown> = {}
  for (const [key, inner] of Object.entries(value)) {
    const name = Object.hasOwn(ALIASES, key) ? (ALIASES[key] ?? key) : key
    if (name === key || value[name] === undefined) plain[name] = inner
  }
  return plain
}

export const DEFAULT_LIMIT = 50
export const MAX_LIMIT = 200

const whole = (sentence: string) =>
  z
    .string()
    .regex(/^-?\d{1,15}$/, sentence)
    .transform(Number)
/** Clamped to 1..200, never refused for being out of range. */
export const limit = whole('must be a whole number')
  .transform((n) => Math.min(MAX_LIMIT, Math.max(1, n)))
  .optional()
  .meta({
    description: `Page size, 1 to ${String(MAX_LIMIT)} (values outside are clamped); ${String(DEFAULT_LIMIT)} if absent`,
    override: { type: 'integer' },
  })
export const offset = whole('must be a whole number')
  .transform((n) => Math.max(0, n))
  .optional()
  .meta({ description: 'Rows to skip; not together with a cursor', override: { type: 'integer', minimum: 0 } })
export const cursor = z.string().min(1).optional().meta({ description: 'The `next_cursor` of an earlier answer' })
export const sequence = whole('must be a whole number')
  .transform((n) => Math.max(0, n))
  .optional()
  .meta({ override: { type: 'integer', minimum: 0 } })
export const flag = z
  .enum(['true', 'false', '1', '0'])
  .transform((text) => text === 'true' || text === '1')
  .optional()
  .meta({ override: { type: 'string', enum: ['true', 'false', '1', '0'] } })
export const milliseconds = whole('must be a whole number of milliseconds')
  .optional()
  .meta({ override: { type: 'integer', minimum: 0 } })

export const page = { limit, offset, cursor }

/** A page of rows. `next_cursor` is never null: at the tail it finds what comes later. */
export function listOf<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    total: z.int(),
    has_more: z.boolean(),
    next_cursor: z.string(),
    limit: z.int(),
    offset: z.int().optional(),
  })
}

export const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    error: z.string().meta({ description: 'The same sentence as `detail`' }),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    request_id: z.string().optional().meta({ description: 'As in the header `X-Request-Id`; the service’s log has it too' }),
  })
  .meta({ id: 'Problem', description: 'RFC 9457; further members may carry facts, such as the current value in a conflict' })
