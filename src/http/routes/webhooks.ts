import { z } from 'zod'
import type { DeliveryRow, WebhookRow } from '../../store/webhook-store.ts'
import { createId } from '../../thread/ids.ts'
import type { JsonObject } from '../../thread/json.ts'
import { eventsOf, kindsOf, WEBHOOK_EVENT_NAMES } from '../../webhooks/events.ts'
import { newSecret } from '../../webhooks/sign.ts'
import { wrongUrl } from '../../webhooks/target.ts'
import { pageRequest, presentPage } from '../paging.ts'
import { time } from '../present.ts'
import { HttpProblem } from '../problems.ts'
import { json, noContent } from '../response.ts'
import { route, type Route } from '../route.ts'
import { listOf, page } from '../schemas/common.ts'
import { createdWebhook, delivery, deliveryId, deliveryQuery, newWebhook, webhook, webhookId } from '../schemas/webhooks.ts'

/** Of one tenant: each is asked for at every end of a run. */
const MAX_WEBHOOKS = 100
const one = { params: z.object({ id: webhookId }), missing: 'webhook_not_found', tag: 'Webhooks' } as const
const NOT_FOUND = 'There is no such webhook.'

/** Who is told when a run ends or waits, and what became of telling them. */
export function webhookRoutes(): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/webhooks',
      tag: 'Webhooks',
      summary: 'Have an address told when runs end or wait',
      body: newWebhook,
      responses: { '201': { description: 'The webhook, with its secret', schema: createdWebhook } },
      problems: ['webhook_refused', 'too_many_webhooks'],
      async handle(context, { body }) {
        const wrong = wrongUrl(body.url, context.webhook_networks)
        if (wrong !== null) throw new HttpProblem('webhook_refused', wrong)
        const now = Date.now()
        const secret = body.secret ?? newSecret()
        const row = await context.store.webhooks.create(
          {
            tenant: context.tenant,
            id: createId(now, newSecret(), 0),
            url: body.url,
            kinds: kindsOf(body.events ?? WEBHOOK_EVENT_NAMES),
            description: body.description ?? null,
            secret,
            created_at: now,
          },
          MAX_WEBHOOKS,
        )
        if (row === null)
          throw new HttpProblem('too_many_webhooks', `There are ${String(MAX_WEBHOOKS)} webhooks; delete one first.`)
        return json({ ...present(row), secret }, 201, { Location: `/v1/webhooks/${row.id}` })
      },
    }),
    route({
      method: 'get',
      path: '/v1/webhooks',
      tag: 'Webhooks',
      summary: 'List webhooks, newest first',
      query: z.object(page),
      responses: { '200': { description: 'Webhooks', schema: listOf(webhook) } },
      problems: ['invalid_cursor'],
      async handle(context, { query }) {
        const found = await context.store.webhooks.list(context.tenant, pageRequest('webhooks', query))
        return json(presentPage('webhooks', query, found, present))
      },
    }),
    route({
      method: 'get',
      path: '/v1/webhooks/deliveries',
      tag: 'Webhooks',
      summary: 'List deliveries to webhooks, newest first',
      query: deliveryQuery,
      responses: { '200': { description: 'Deliveries', schema: listOf(delivery) } },
      problems: ['invalid_cursor'],
      async handle(context, { query: asked }) {
        const filter = {
          ...(asked.status === undefined ? {} : { status: asked.status }),
          ...(asked.webhook_id === undefined ? {} : { webhook_id: asked.webhook_id }),
        }
        const scope = `webhooks:${asked.status ?? ''}:${asked.webhook_id ?? ''}`
        const found = await context.store.webhooks.listDeliveries(context.tenant, filter, pageRequest(scope, asked))
        return json(presentPage(scope, asked, found, presentDelivery))
      },
    }),
    route({
      ...one,
      method: 'get',
      path: '/v1/webhooks/:id',
      summary: 'Read a webhook',
      responses: { '200': { description: 'The webhook', schema: webhook } },
      problems: ['webhook_not_found'],
      async handle(context, { params }) {
        const row = await context.store.webhooks.get(context.tenant, params.id)
        if (row === null) throw new HttpProblem('webhook_not_found', NOT_FOUND)
        return json(present(row))
      },
    }),
    route({
      ...one,
      method: 'delete',
      path: '/v1/webhooks/:id',
      summary: 'Delete a webhook and its deliveries',
      responses: { '204': { description: 'Deleted' } },
      problems: ['webhook_not_found'],
      async handle(context, { params }) {
        if (!(await context.store.webhooks.remove(context.tenant, params.id)))
          throw new HttpProblem('webhook_not_found', NOT_FOUND)
        return noContent()
      },
    }),
    route({
      ...one,
      method: 'post',
      path: '/v1/webhooks/:id/enable',
      summary: 'Put a disabled webhook to use again',
      body: z.object({}),
      body_optional: true,
      responses: { '200': { description: 'The webhook', schema: webhook } },
      problems: ['webhook_not_found'],
      async handle(context, { params }) {
        const row = await context.store.webhooks.enable(context.tenant, params.id)
        if (row === null) throw new HttpProblem('webhook_not_found', NOT_FOUND)
        return json(present(row))
      },
    }),
    route({
      params: z.object({ id: webhookId, delivery_id: deliveryId }),
      missing: 'delivery_not_found',
      tag: 'Webhooks',
      method: 'post',
      path: '/v1/webhooks/:id/deliveries/:delivery_id/retry',
      summary: 'Have a failed delivery tried once more',
      body: z.object({}),
      body_optional: true,
      responses: { '202': { description: 'The delivery, which is tried within half a minute', schema: delivery } },
      problems: ['delivery_not_found', 'delivery_not_failed', 'webhook_disabled'],
      async handle(context, { params }) {
        const row = await context.store.webhooks.retry(context.tenant, params.id, params.delivery_id)
        if (row === 'not_found') throw new HttpProblem('delivery_not_found', 'There is no such delivery to this webhook.')
        if (row === 'not_failed')
          throw new HttpProblem(
            'delivery_not_failed',
            'This delivery has arrived, or is still tried; only a failed one is tried again.',
          )
        if (row === 'disabled')
          throw new HttpProblem('webhook_disabled', 'The webhook is disabled: POST /v1/webhooks/{id}/enable first.')
        return json(presentDelivery(row), 202)
      },
    }),
  ]
}

const timeOrNull = (ms: number | null): string | null => (ms === null ? null : time(ms))

function present({ tenant: _, kinds, ...row }: WebhookRow): JsonObject {
  return {
    ...row,
    events: eventsOf(kinds),
    status: row.disabled_at === null ? 'active' : 'disabled',
    disabled_at: timeOrNull(row.disabled_at),
    last_delivered_at: timeOrNull(row.last_delivered_at),
    last_failed_at: timeOrNull(row.last_failed_at),
    created_at: time(row.created_at),
    updated_at: time(row.updated_at),
  }
}

function presentDelivery({ tenant: _, seq, next_at, ...row }: DeliveryRow): JsonObject {
  return {
    ...row,
    event_seq: seq,
    next_attempt_at: row.status === 'pending' ? time(next_at) : null,
    created_at: time(row.created_at),
    updated_at: time(row.updated_at),
  }
}
