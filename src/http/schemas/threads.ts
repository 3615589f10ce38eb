import { z } from 'zod'
import { flag, jsonObject, page, threadId, timestamp } from './common.ts'

const title = z.string().max(1_000).nullable()
const expiry = z
  .int({ error: 'must be a whole number of seconds, 0 for never, or null for what the installation says' })
  .min(0)
  .max(315_360_000)
  .nullable()
  .meta({ description: 'Deleted so many seconds after its last change; 0: never; null: as WEFT_THREAD_TTL says' })
const resource = z.string().min(1).max(256)

export const postThread = z.object({
  id: threadId.optional(),
  title: title.optional(),
  resource_id: resource.nullable().optional(),
  parent_thread_id: threadId.nullable().optional(),
  custom: jsonObject.optional(),
  expires_after_s: expiry.optional(),
})
export const postFork = postThread.extend({
  at_message_seq: z
    .int({ error: 'must be a whole number: the message_seq of the last message that the fork has' })
    .min(1, 'must be at least 1; for a thread without a history use POST /v1/threads'),
})
export const patchThread = z.object({
  title: title.optional(),
  resource_id: resource.nullable().optional(),
  parent_thread_id: threadId.nullable().optional(),
  custom: jsonObject.optional().meta({ description: 'Merged key by key; null removes a key' }),
  expires_after_s: expiry.optional(),
})
export const patchMetadata = z.object({
  title: title.optional(),
  custom: jsonObject.optional().meta({ description: 'Merged key by key; null removes a key' }),
})

const status = z.enum(['idle', 'running', 'waiting'])
export const threadView = z
  .object({
    id: z.string(),
    metadata: z.object({ title: z.string().nullable(), created_at: timestamp, updated_at: timestamp, custom: jsonObject }),
    resource_id: z.string().nullable(),
    parent_thread_id: z.string().nullable(),
    forked_from: z
      .object({ thread_id: z.string(), at_message_seq: z.int() })
      .nullable()
      .meta({ description: 'Whose history it began with, up to which message; null where it is no fork' }),
    expires_after_s: expiry,
    status,
    agent_id: z.string().nullable(),
    active_run_id: z.string().nullable(),
    message_count: z.int(),
    queue_revision: z.int(),
    parked: z.boolean().meta({ description: 'The queue waits until somebody resumes it' }),
    last_event_seq: z.int(),
    workflow_id: z.string().meta({ description: 'The Temporal workflow that is this thread' }),
  })
  .meta({ id: 'Thread' })
export const threadSummary = z
  .object({
    id: z.string(),
    resource_id: z.string().nullable(),
    parent_thread_id: z.string().nullable(),
    title: z.string().nullable(),
    updated_at: timestamp,
    agent_id: z.string().nullable(),
  })
  .meta({ id: 'ThreadSummary' })
export const threadQuery = z.object({
  ...page,
  resource_id: z.string().min(1).optional(),
  parent_thread_id: threadId.optional(),
  root: flag,
  status: status.optional(),
  updated_after: z.iso
    .datetime({ offset: true })
    .transform((text) => Date.parse(text))
    .optional()
    .meta({ override: { type: 'string', format: 'date-time' } }),
})
export const deleteQuery = z.object({ child_strategy: z.enum(['detach', 'reject', 'cascade']).default('detach') })
export const sharedState = z.object({ thread_id: z.string(), state: jsonObject })
