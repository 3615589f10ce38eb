import { z } from 'zod'
import type { DeliveryRow } from '../../store/webhook-store.ts'
import type { JsonObject } from '../../thread/json.ts'
import { pageRequest, presentPage } from '../paging.ts'
import { time } from '../present.ts'
import { json } from '../response.ts'
import { route, type Route } from '../route.ts'
import { listOf, page, timestamp } from '../schemas/common.ts'

const status = z.enum(['pending', 'delivered', 'failed'])
const delivery = z
  .object({
    webhook_id: z.string(),
    delivery_id: z.string().meta({ description: 'The `webhook-id` of every try' }),
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
const query = z.object({ ...page, status: status.optional(), webhook_id: z.string().max(64).optional() })

/** What became of the events that webhooks are told of. */
export function webhookRoutes(): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/webhooks/deliveries',
      tag: 'Webhooks',
      summary: 'List deliveries to webhooks, newest first',
      query,
      responses: { '200': { description: 'Deliveries', schema: listOf(delivery) } },
      problems: ['invalid_cursor'],
      async handle(context, { query: asked }) {
        const filter = {
          ...(asked.status === undefined ? {} : { status: asked.status }),
          ...(asked.webhook_id === undefined ? {} : { webhook_id: asked.webhook_id }),
        }
        const scope = `webhooks:${asked.status ?? ''}:${asked.webhook_id ?? ''}`
        const found = await context.store.webhooks.list(context.tenant, filter, pageRequest(scope, asked))
        return json(presentPage(scope, asked, found, present))
      },
    }),
  ]
}

function present({ tenant: _, seq, next_at, ...row }: DeliveryRow): JsonObject {
  return {
    ...row,
    event_seq: seq,
    next_attempt_at: row.status === 'pending' ? time(next_at) : null,
    created_at: time(row.created_at),
    updated_at: time(row.updated_at),
  }
}
