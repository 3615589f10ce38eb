import { z } from 'zod'
import { DEFAULT_HOLD_MS, MAX_HOLD_MS, MAX_PENDING } from '../../thread/limits.ts'
import { actor, anyId, jsonObject, threadId, timestamp } from './common.ts'
import { inputContent, messageEdit } from './messages.ts'
import { delivery } from './submit.ts'

/** The queue: messages that nobody has read yet. */

export const pendingParams = z.object({ id: threadId, pid: anyId })
const content = z.union([z.string(), z.array(jsonObject)])
export const pendingRow = z
  .object({
    pending_id: z.string(),
    position: z.int(),
    revision: z.int(),
    role: z.enum(['user', 'assistant', 'system', 'tool']),
    content,
    visibility: z.enum(['external', 'internal']),
    metadata: jsonObject.nullable(),
    delivery,
    agent_id: z.string(),
    run_id: z.string().nullable(),
    held_until: timestamp.nullable(),
    created_at: timestamp,
  })
  .meta({ id: 'PendingMessage' })
export const pendingList = z.object({
  items: z.array(pendingRow),
  total: z.int(),
  queue_revision: z.int(),
  parked: z.boolean().meta({ description: 'The queue waits until somebody resumes it' }),
})
/** The content and metadata are null only in a late repeat of an answer: the message has gone since. */
const changedRow = z
  .object({ ...pendingRow.shape, content: content.nullable() })
  .meta({ id: 'ChangedPendingMessage', description: 'The message as the command left it' })
export const pendingChanged = z.object({ pending: changedRow, queue_revision: z.int() })

export const etag = z.object({ ETag: z.string().meta({ description: 'Send it back as If-Match' }) })
export const ifMatch = z.object({
  'If-Match': z.string().optional().meta({ description: 'The ETag of what you have seen, or *' }),
})
export const ifNoneMatch = z.object({ 'If-None-Match': z.string().optional() })

const revision = z.int().min(0).optional()
const sentence = 'needs either message or content'
export const patchPending = z
  .object({
    message: messageEdit.optional(),
    content: inputContent.optional().meta({ description: 'Short for message.content' }),
    expected_revision: revision,
    by: actor.optional(),
  })
  .refine(({ message, content: text }) => (message === undefined) !== (text === undefined), {
    error: sentence,
    path: ['message'],
  })
  .meta({ oneOf: [{ required: ['message'] }, { required: ['content'] }] })
export const deletePending = z.object({ expected_revision: revision, by: actor.optional() })
export const deletePendingQuery = z.object({
  expected_revision: z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .optional()
    .meta({ override: { type: 'integer', minimum: 0 } }),
})
export const putOrder = z.object({
  pending_ids: z.array(anyId).max(MAX_PENDING).meta({ description: 'The ids of all pending messages, each once' }),
  expected_queue_revision: revision,
  by: actor.optional(),
})
export const postHold = z.object({
  ttl_ms: z
    .int()
    .min(1)
    .max(MAX_HOLD_MS)
    .optional()
    .meta({ description: `Milliseconds; ${String(DEFAULT_HOLD_MS)} if absent` }),
  by: actor.optional(),
})
export const postRelease = z.object({ by: actor.optional() })
