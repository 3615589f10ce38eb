import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity'
import type { Store } from '../src/store/store.ts'
import type { DeliveryOutcome, DueDelivery } from '../src/store/webhook-store.ts'
import type { WebhookActivities } from '../src/thread/webhook-ports.ts'
import type { AllowedNetworks } from '../src/webhooks/addresses.ts'
import { webhookBody } from '../src/webhooks/body.ts'
import { postOnce } from '../src/webhooks/post.ts'
import { nextTry, type RetrySettings } from '../src/webhooks/schedule.ts'
import { signature } from '../src/webhooks/sign.ts'
import { Slots } from '../src/webhooks/slots.ts'
import type { ActivityLogger } from './deps.ts'

export type WebhookDeps = {
  store: Store
  allowed: AllowedNetworks
  retry: RetrySettings
  logger: ActivityLogger
  on_attempt?: OnAttempt
}
/** Told of each request: how the delivery stands after it, and how long it took. */
type OnAttempt = (attempt: { status: DeliveryOutcome['status']; ms: number }) => void
type Target = { id: string; url: string; secret: string }

const PAGE = 50
/** Requests to one webhook at a time, and to all of them from this process. */
const AT_ONCE = 4
const slots = new Slots(64)
const TIMEOUT_MS = 10_000
/** After this a call ends and the workflow makes the next, so that no call grows long. */
const LONGEST_CALL_MS = 60_000
const HEARTBEAT_MS = 2_000
const DAY_MS = 86_400_000
/** Longer than an event that is written again can still come up as new (see the migration). */
const KEEP_DELIVERED_MS = 14 * DAY_MS
const KEEP_FAILED_MS = 30 * DAY_MS

/** The activity behind the workflow `webhook`. Must run inside a Temporal activity. */
export function createWebhookActivities(deps: WebhookDeps): WebhookActivities {
  return {
    async deliverWebhooks({ webhook_id }) {
      const beat = setInterval(() => heartbeat(), HEARTBEAT_MS)
      try {
        const next_at = await deliverDue(deps, webhook_id)
        return next_at === null ? { next_at } : { next_at, wait_ms: Math.max(0, next_at - Date.now()) }
      } finally {
        clearInterval(beat)
      }
    },
  }
}

async function deliverDue(deps: WebhookDeps, id: string): Promise<number | null> {
  const { webhooks } = deps.store
  const end = Date.now() + LONGEST_CALL_MS
  /** When the oldest delivery that was given up here had come up. */
  let given_up = Infinity
  for (let full = true; full && Date.now() < end;) {
    const target = await webhooks.target(id)
    if (target === null) {
      // What came up while it was removed or disabled.
      await webhooks.disable(id, 'The webhook is gone or disabled.')
      return null
    }
    const due = await webhooks.due(id, Date.now(), PAGE)
    full = due.length === PAGE
    const one = async (): Promise<void> => {
      for (let delivery = due.shift(); delivery !== undefined; delivery = due.shift())
        if (!(await deliver(deps, { id, ...target }, delivery))) given_up = Math.min(given_up, delivery.created_at)
    }
    // One that could not be noted must not take the others' answers with it; the next try of this activity sees to it.
    const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, one))
    for (const lane of ended) if (lane.status === 'rejected') throw lane.reason
  }
  if (given_up < Infinity) await disableIfDead(deps, id, given_up)
  const now = Date.now()
  if (activityInfo().attempt === 1) await webhooks.prune({ delivered: now - KEEP_DELIVERED_MS, failed: now - KEEP_FAILED_MS })
  return await webhooks.nextAt(id)
}

/** A webhook that has taken nothing at all for as long as one delivery was tried is not tried any more. */
async function disableIfDead({ store, retry, logger }: WebhookDeps, id: string, since: number): Promise<void> {
  const { last_delivered_at } = (await store.webhooks.target(id)) ?? { last_delivered_at: Infinity }
  if ((last_delivered_at ?? 0) >= since) return
  const reason = `Nothing was taken for ${String(Math.round(retry.give_up_ms / 1_000))} s, since ${new Date(since).toISOString()}.`
  await store.webhooks.disable(id, reason)
  logger.warn({ webhook: id, reason }, 'A webhook was disabled.')
}

/**
 * False when the delivery was given up. A worker that dies after the request and before the note makes the next try a
 * repeat under the same id.
 */
async function deliver(deps: WebhookDeps, target: Target, delivery: DueDelivery): Promise<boolean> {
  const { store, retry, allowed, logger, on_attempt } = deps
  const began = performance.now()
  // Tried by hand after its time: that it fails again says nothing new of the webhook.
  const late = Date.now() - delivery.created_at > retry.give_up_ms
  const outcome = await tryOnce(retry, allowed, target, delivery)
  on_attempt?.({ status: outcome.status, ms: performance.now() - began })
  await store.webhooks.record(delivery, outcome)
  if (outcome.status !== 'failed') return true
  const { thread_id, run_id, delivery_id, payload } = delivery
  const facts = { webhook: target.id, thread_id, run_id, delivery_id, error: outcome.last_error }
  logger.warn(facts, 'A webhook could not be told of an event and will not be tried again.')
  return payload === null || late
}

async function tryOnce(
  retry: RetrySettings,
  allowed: AllowedNetworks,
  { url, secret }: Target,
  delivery: DueDelivery,
): Promise<DeliveryOutcome> {
  const { delivery_id, payload, occurred_at } = delivery
  if (payload === null || occurred_at === null)
    return { status: 'failed', last_status: null, last_error: 'The log does not have this event any more.' }
  const body = webhookBody({ ...delivery, occurred_at, payload })
  const post = () =>
    postOnce({
      url,
      headers: {
        'weft-delivery': delivery_id,
        'weft-attempt': String(delivery.attempts + 1),
        'weft-signature': signature(secret, Math.floor(Date.now() / 1_000), body),
      },
      body,
      allowed,
      timeout_ms: TIMEOUT_MS,
      signal: cancellationSignal(),
    })
  const posted = await slots.run(post)
  const { status: last_status, error: last_error } = posted
  if (posted.ok) return { status: 'delivered', last_status, last_error }
  const next_at = nextTry(retry, { attempts: delivery.attempts + 1, created_at: delivery.created_at, now: Date.now() })
  if (next_at === null) return { status: 'failed', last_status, last_error }
  return { status: 'pending', next_at, last_status, last_error }
}
