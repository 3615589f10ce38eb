import { condition, continueAsNew, proxyActivities, setHandler, workflowInfo, defineSignal } from '@temporalio/workflow'
import type { WebhookActivities, WebhookInput } from '../src/thread/webhook-ports.ts'

const { deliverWebhooks } = proxyActivities<WebhookActivities>({
  startToCloseTimeout: '5m',
  heartbeatTimeout: '8s',
  retry: { initialInterval: '1s', maximumInterval: '30s' },
  summary: 'tell a webhook what it has not been told',
})
const wake = defineSignal('wake')
/** Continue as new from this many events of history on. */
const HISTORY_EVENTS = 2_000

/**
 * Tells one webhook what waits for it, and ends once nothing does. What waits stands in the store and comes up there
 * together with the events it tells of; here is only the clock and that no two tries overlap.
 */
export async function webhook(input: WebhookInput): Promise<void> {
  let woken = false
  setHandler(wake, () => void (woken = true), { description: 'Something new waits to be told.' })
  for (;;) {
    woken = false
    const { next_at, wait_ms } = await deliverWebhooks(input)
    if (workflowInfo().historyLength > HISTORY_EVENTS) await continueAsNew<typeof webhook>(input)
    if (woken) continue
    if (next_at === null) return
    // By the worker's clock: where Temporal's is ahead nothing would be due yet, however often this asked.
    await condition(() => woken, Math.max(1, wait_ms ?? next_at - Date.now()))
  }
}
