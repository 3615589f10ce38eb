import type { EventKind } from '../thread/event.ts'
import type { JsonObject } from '../thread/json.ts'
import type { Page, PageRequest } from './store.ts'

/** Where events are told. `disabled_at` is null while it is in use. Times in ms since the epoch. */
export type WebhookRow = {
  tenant: string
  id: string
  url: string
  kinds: EventKind[]
  description: string | null
  created_at: number
  updated_at: number
  disabled_at: number | null
  disabled_reason: string | null
  /** Of the last tries: when one was taken and when one failed; HTTP status and fault of the very last. */
  last_delivered_at: number | null
  last_failed_at: number | null
  last_status: number | null
  last_error: string | null
}
export type NewWebhook = Pick<WebhookRow, 'tenant' | 'id' | 'url' | 'kinds' | 'description' | 'created_at'> & { secret: string }

export type DeliveryStatus = 'pending' | 'delivered' | 'failed'

/**
 * One event that one webhook is to be told of. `delivery_id` is the same at every try. `next_at`: when it is tried next,
 * of use while it is pending. Times in ms since the epoch.
 */
export type DeliveryRow = {
  webhook_id: string
  tenant: string
  delivery_id: string
  thread_id: string
  run_id: string | null
  seq: number
  kind: EventKind
  status: DeliveryStatus
  attempts: number
  next_at: number
  /** Of the last try: the HTTP status, if there was an answer, and what was wrong. */
  last_status: number | null
  last_error: string | null
  created_at: number
  updated_at: number
}
/** A delivery with its event; `payload` is null where the log does not have it any more. */
export type DueDelivery = DeliveryRow & { payload: JsonObject | null; occurred_at: number | null }
export type DeliveryKey = Pick<DeliveryRow, 'webhook_id' | 'tenant' | 'delivery_id'>
export type DeliveryOutcome = {
  status: DeliveryStatus
  next_at?: number
  last_status: number | null
  last_error: string | null
}

/** Who is told of what. Deliveries come up with the events themselves, in their transaction. */
export interface WebhookRows {
  /** Null, and nothing written, where the tenant has `max` already. */
  create(webhook: NewWebhook, max: number): Promise<WebhookRow | null>
  get(tenant: string, id: string): Promise<WebhookRow | null>
  /** Newest first. */
  list(tenant: string, page: PageRequest): Promise<Page<WebhookRow>>
  /** With its deliveries. False: there is none. */
  remove(tenant: string, id: string): Promise<boolean>
  /** Puts a disabled one to use again; null: there is none. What failed meanwhile stays failed. */
  enable(tenant: string, id: string): Promise<WebhookRow | null>
  /** Takes one out of use; what waits for it fails with the reason. */
  disable(id: string, reason: string): Promise<void>
  /** What is needed for telling it; null for one that is gone or disabled. */
  target(id: string): Promise<{ url: string; secret: string; last_delivered_at: number | null } | null>
  /** Pending deliveries whose time has come, the longest due first. */
  due(webhook_id: string, now: number, limit: number): Promise<DueDelivery[]>
  /** Notes a try. Nothing happens to a delivery that is not pending any more. */
  record(key: DeliveryKey, outcome: DeliveryOutcome): Promise<void>
  /** Has a failed one tried again now; what keeps it from that, else. */
  retry(tenant: string, webhook_id: string, delivery_id: string): Promise<DeliveryRow | 'not_found' | 'not_failed' | 'disabled'>
  /** When the next pending delivery is due; null when none waits. */
  nextAt(webhook_id: string): Promise<number | null>
  /** Webhooks with a delivery that has been due since before this moment. */
  overdue(before: number): Promise<string[]>
  /** Newest first. */
  listDeliveries(
    tenant: string,
    filter: { status?: DeliveryStatus; webhook_id?: string },
    page: PageRequest,
  ): Promise<Page<DeliveryRow>>
  /** Over all tenants, those that are not delivered. */
  count(): Promise<{ webhook_id: string; status: DeliveryStatus; count: number }[]>
  /** Removes some of what was done with before these moments; their number. */
  prune(before: { delivered: number; failed: number }): Promise<number>
}
