import { z } from 'zod'
import { jsonSize } from '../../thread/json.ts'
import { MAX_CONTENT_BYTES, MAX_MESSAGES_PER_SUBMIT, MAX_METADATA_BYTES } from '../../thread/limits.ts'
import { SUBMITTABLE_ROLES, type MessageInput } from '../../thread/message.ts'
import { contentSize } from '../../thread/parse-message.ts'
import { HttpProblem } from '../problems.ts'
import { anyId, cursor, json, jsonObject, limit, messageId, offset, sequence, threadId, timestamp } from './common.ts'

const textPart = z.strictObject({ type: z.literal('text'), text: z.string() })
const mediaFields = {
  media_type: z.string().min(1).max(255).optional(),
  url: z.url().max(8_192).optional(),
  data: z.string().min(1).optional().meta({ description: 'Base64' }),
}
const oneSource = (part: { url?: string | undefined; data?: string | undefined }) =>
  (part.url === undefined) !== (part.data === undefined)
const sourceSentence = { error: 'needs either url or data' }
const imagePart = z.strictObject({ type: z.literal('image'), ...mediaFields }).refine(oneSource, sourceSentence)
const filePart = z.strictObject({ type: z.literal('file'), ...mediaFields }).refine(oneSource, sourceSentence)
export const inputPart = z
  .discriminatedUnion('type', [textPart, imagePart, filePart], { error: 'must be a part of type text, image or file' })
  .meta({ id: 'InputPart' })

/** A tool's result is given by deciding on its ticket; a message could not be tied to the call. */
const role = z.enum(SUBMITTABLE_ROLES as readonly ['user', 'assistant', 'system'], {
  error: ({ input }) =>
    input === 'tool'
      ? 'cannot be tool: answer a tool call with a decision (POST /v1/runs/{id}/decision, action resume, payload {"result": …})'
      : 'must be user, assistant or system',
})
export const inputContent = z.union([z.string(), z.array(inputPart).min(1)], {
  error: 'must be a string or a list of parts of type text, image or file',
})
const visibility = z.enum(['external', 'internal'])
export const messageInput = z
  .strictObject({
    id: messageId.optional(),
    role,
    content: inputContent,
    visibility: visibility.optional(),
    metadata: jsonObject.optional(),
  })
  .meta({ id: 'MessageInput' })
/** A pending message's new wording; what is not given stays. */
export const messageEdit = z
  .strictObject({
    role: role.optional(),
    content: inputContent,
    visibility: visibility.optional(),
    metadata: jsonObject.optional(),
  })
  .meta({ id: 'MessageEdit' })
export const messageInputs = z
  .array(messageInput, { error: 'must be a list of messages' })
  .min(1, 'needs at least one message')
  .max(MAX_MESSAGES_PER_SUBMIT, `takes at most ${String(MAX_MESSAGES_PER_SUBMIT)} messages`)
  .refine((messages) => new Set(messages.map(({ id }, index) => id ?? index)).size === messages.length, {
    error: 'has the same message id twice',
  })

/**
 * Throws the problem `payload_too_large` when messages carry more than a thread takes at once, or when one of the
 * objects beside them is larger than a run keeps.
 */
export function checkSizes(
  messages: readonly Omit<MessageInput, 'role'>[],
  objects: { [name: string]: object | undefined } = {},
): void {
  const own = messages.map(({ metadata }, index) => [`messages[${String(index)}].metadata`, metadata] as const)
  for (const [name, value] of [...Object.entries(objects), ...own]) {
    const size = value === undefined ? 0 : jsonSize(value)
    if (size <= MAX_METADATA_BYTES) continue
    const limit = String(MAX_METADATA_BYTES)
    throw new HttpProblem('payload_too_large', `${name} has ${String(size)} bytes as JSON; at most ${limit} are kept.`, {
      max_bytes: MAX_METADATA_BYTES,
    })
  }
  const bytes = messages.reduce((sum, { content }) => sum + contentSize(content), 0)
  if (bytes <= MAX_CONTENT_BYTES) return
  const detail = `The messages carry ${String(bytes)} bytes of content; at most ${String(MAX_CONTENT_BYTES)} are taken at once. Send less, or give media by url.`
  throw new HttpProblem('payload_too_large', detail, { content_bytes: bytes, max_content_bytes: MAX_CONTENT_BYTES })
}

export const messageRow = z
  .object({
    id: z.string(),
    message_id: z.string(),
    message_seq: z.int(),
    thread_id: z.string(),
    run_id: z.string().nullable(),
    step: z.int().nullable(),
    role: z.enum(['user', 'assistant', 'system', 'tool']),
    content: z.union([z.string(), z.array(jsonObject)]),
    message_kind: z.enum(['user_input', 'internal_user_input', 'assistant_output', 'tool_result', 'system', 'internal_system']),
    visibility: z.enum(['external', 'internal']),
    interrupted: z.boolean(),
    metadata: jsonObject.nullable(),
    created_at: timestamp,
  })
  .meta({ id: 'Message' })
export const messageList = z.object({
  messages: z.array(messageRow),
  total: z.int(),
  has_more: z.boolean(),
  next_cursor: z.string(),
  limit: z.int(),
  offset: z.int().optional(),
})
export const messageQuery = z.object({
  limit,
  offset,
  cursor,
  order: z.enum(['asc', 'desc']).default('asc'),
  after: sequence,
  before: sequence,
  run_id: anyId.optional(),
  visibility: z.enum(['external', 'internal', 'all']).default('external'),
})

export const postMailbox = z.object({ payload: json })
export const mailboxAccepted = z.object({ dispatch_id: z.string(), run_id: z.string(), thread_id: threadId })

export const receiptParams = z.object({ id: threadId, mid: messageId })
export const receiptView = z
  .object({
    message_id: z.string(),
    state: z.enum(['pending', 'consumed', 'retracted', 'undelivered']),
    position: z.int().optional(),
    run_id: z.string().nullable().optional(),
    step: z.int().nullable().optional(),
    message_seq: z.int().optional(),
    reason: z.string().nullable().optional(),
    by: jsonObject.nullable().optional(),
    at: timestamp,
  })
  .meta({ id: 'Receipt', description: 'What became of one message' })
