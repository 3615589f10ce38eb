import { z } from 'zod'
import { WEBHOOK_EVENT_NAMES } from '../../webhooks/events.ts'
import { page, timestamp } from './common.ts'

export const webhookId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'is not an id')
export const deliveryId = z.string().min(1).max(1_024)
const events = z.array(z.enum(WEBHOOK_EVENT_NAMES)).min(1)
const status = z.enum(['pending', 'delivered', 'failed'])

export const newWebhook = z
  .object({
    url: z
      .string()
      .min(1)
      .max(2_048)
      .meta({ format: 'uri', pattern: '^[Hh][Tt][Tt][Pp][Ss]?:', example: 'https://example.com/told' }),
    events: events.optional().meta({ description: 'What it is told of; all if absent' }),
    description: z.string().max(1_024).optional(),
    secret: z
      .string()
      .regex(/^[\x21-\x7e]{16,128}$/, 'must be 16 to 128 printable ASCII characters without spaces')
      .optional()
      .meta({ description: 'Signs what is sent; one is made if absent' }),
  })
  .meta({ id: 'NewWebhook' })

export const webhook = z
  .object({
    id: z.string(),
    url: z.string(),
    events,
    description: z.string().nullable(),
    status: z.enum(['active', 'disabled']),
    disabled_at: timestamp.nullable(),
    disabled_reason: z.string().nullable(),
    last_delivered_at: timestamp.nullable().meta({ description: 'When it last took something' }),
    last_failed_at: timestamp.nullable().meta({ description: 'When a try last failed' }),
    last_status: z.int().nullable().meta({ description: 'HTTP status of the last answer' }),
    last_error: z.string().nullable().meta({ description: 'What was wrong with the last try' }),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .meta({ id: 'Webhook' })
export const createdWebhook = webhook
  .extend({ secret: z.string().meta({ description: 'Shown only here' }) })
  .meta({ id: 'CreatedWebhook' })

export const delivery = z
  .object({
    webhook_id: z.string(),
    delivery_id: z.string().meta({ description: 'The `Weft-Delivery` of every try' }),
    thread_id: z.string(),
    run_id: z.string().nullable(),
    event_seq: z.int(),
    kind: z.string(),
    status,
    attempts: z.int(),
    next_attempt_at: timestamp.nullable(),
    last_status: z.int().nullable().meta({ description: 'HTTP status of the last answer' }),
    last_error: z.string().nullable(),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .meta({ id: 'WebhookDelivery' })
export const deliveryQuery = z.object({ ...page, status: status.optional(), webhook_id: webhookId.optional() })
