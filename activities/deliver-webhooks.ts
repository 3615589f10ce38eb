import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity'
import type { Store } from '../src/store/store.ts'
import type { DeliveryOutcome, DueDelivery } from '../src/store/webhook-store.ts'
import type { WebhookActivities } from '../src/thread/webhook-ports.ts'
import { webhookBody } from '../src/webhooks/body.ts'
import type { Webhook } from '../src/webhooks/definition.ts'
import { postOnce } from '../src/webhooks/post.ts'
import { nextTry } from '../src/webhooks/schedule.ts'
import { signedHeaders } from '../src/webhooks/sign.ts'
import type { ActivityLogger } from './deps.ts'

export type WebhookDeps = { store: Store; webhooks: readonly Webhook[]; logger: ActivityLogger }

const PAGE = 50
/** Requests to one webhook at a time. */
const AT_ONCE = 8
const TIMEOUT_MS = 10_000
/** After this a call ends and the workflow makes the next, so that no call grows long. */
const LONGEST_CALL_MS = 60_000
const HEARTBEAT_MS = 5_000
const DAY_MS = 86_400_000
/** Longer than an event that is written again can still come up as new (see the migration). */
const KEEP_DELIVERED_MS = 14 * DAY_MS
const KEEP_FAILED_MS = 30 * DAY_MS

/** The activity behind the workflow `webhook`. Must run inside a Temporal activity. */
export function createWebhookActivities(deps: WebhookDeps): WebhookActivities {
  return {
    async deliverWebhooks({ webhook_id }) {
      const webhook = deps.webhooks.find(({ id }) => id === webhook_id)
      if (webhook === undefined) {
        if ((await deps.store.webhooks.nextAt(webhook_id)) === null) return { next_at: null }
        throw new Error(`This worker's configuration has no webhook "${webhook_id}".`)
      }
      const beat = setInterval(() => heartbeat(), HEARTBEAT_MS)
      try {
        return { next_at: await deliverDue(deps, webhook) }
      } finally {
        clearInterval(beat)
      }
    },
  }
}

async function deliverDue(deps: WebhookDeps, webhook: Webhook): Promise<number | null> {
  const { webhooks } = deps.store
  const end = Date.now() + LONGEST_CALL_MS
  for (let full = true; full && Date.now() < end;) {
    const due = await webhooks.due(webhook.id, Date.now(), PAGE)
    full = due.length === PAGE
    const one = async (): Promise<void> => {
      for (let delivery = due.shift(); delivery !== undefined; delivery = due.shift()) await deliver(deps, webhook, delivery)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, one))
  }
  const now = Date.now()
  if (activityInfo().attempt === 1) await webhooks.prune({ delivered: now - KEEP_DELIVERED_MS, failed: now - KEEP_FAILED_MS })
  return await webhooks.nextAt(webhook.id)
}

/** A worker that dies after the request and before the note makes the next try a repeat under the same id. */
async function deliver({ store, logger }: WebhookDeps, webhook: Webhook, delivery: DueDelivery): Promise<void> {
  const outcome = await tryOnce(webhook, delivery)
  if (outcome.status === 'failed') {
    const { thread_id, run_id, delivery_id } = delivery
    const facts = { webhook: webhook.id, thread_id, run_id, delivery_id, error: outcome.last_error }
    logger.warn(facts, 'A webhook could not be told of an event and will not be tried again.')
  }
  await store.webhooks.record(delivery, outcome)
}

async function tryOnce(webhook: Webhook, delivery: DueDelivery): Promise<DeliveryOutcome> {
  const { thread_id, run_id, seq, kind, payload, occurred_at } = delivery
  if (payload === null || occurred_at === null)
    return { status: 'failed', last_status: null, last_error: 'The log does not have this event any more.' }
  const body = webhookBody({ thread_id, run_id, seq, kind, occurred_at, payload })
  const posted = await postOnce({
    url: webhook.url,
    headers: signedHeaders(webhook.secret, delivery.delivery_id, Math.floor(Date.now() / 1_000), body),
    body,
    allow_private: webhook.allow_private,
    timeout_ms: TIMEOUT_MS,
    signal: cancellationSignal(),
  })
  const { status: last_status, error: last_error } = posted
  if (posted.ok) return { status: 'delivered', last_status, last_error }
  const next_at = nextTry(webhook, { attempts: delivery.attempts + 1, created_at: delivery.created_at, now: Date.now() })
  if (next_at === null) return { status: 'failed', last_status, last_error }
  return { status: 'pending', next_at, last_status, last_error }
}
