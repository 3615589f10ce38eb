import type { Client } from '@temporalio/client'
import type { Store } from '../store/store.ts'
import type { LogEvent } from '../thread/envelope.ts'
import type { EventKind } from '../thread/event.ts'
import { TASK_QUEUE, WAKE } from './names.ts'

const WEBHOOK_WORKFLOW = 'webhook'
/** Signals to one webhook's workflow come at least this far apart (ms); one tells of all that has come up meanwhile. */
const PAUSE_MS = 250
/** What has been due for so long has nobody who sees to it: its signal was lost, or its workflow (ms). */
const OVERDUE_MS = 5_000

export type WebhookWakerOptions = {
  store: Pick<Store, 'webhooks'>
  client: Client
  webhooks: readonly { id: string; kinds: readonly EventKind[] }[]
  /** Between two looks for what nobody sees to (ms). */
  interval_ms: number
  log: { warn(facts: object, message: string): void }
  task_queue?: string
}

export type WebhookWaker = {
  /** Told of events that have just been stored; returns at once. */
  observe(events: readonly LogEvent[]): void
  stop(): void
}

/** A webhook's workflow id; a thread's has a slash. */
export function webhookWorkflowId(id: string): string {
  return `webhook:${id}`
}

/** Wakes or starts the workflow of a webhook when there is something to tell it of. */
export function createWebhookWaker(options: WebhookWakerOptions): WebhookWaker {
  const { store, client, webhooks, interval_ms, log, task_queue = TASK_QUEUE } = options
  /** Webhooks that were signalled lately; true: again at the end of the pause. */
  const resting = new Map<string, boolean>()
  let stopped = false

  function wake(id: string): void {
    if (stopped) return
    if (resting.has(id)) {
      resting.set(id, true)
      return
    }
    resting.set(id, false)
    setTimeout(() => {
      const again = resting.get(id) === true
      resting.delete(id)
      if (again) wake(id)
    }, PAUSE_MS).unref()
    const start = {
      workflowId: webhookWorkflowId(id),
      taskQueue: task_queue,
      args: [{ webhook_id: id }],
      signal: WAKE,
      signalArgs: [],
      staticSummary: `Webhook ${id}`,
    }
    client.workflow.signalWithStart(WEBHOOK_WORKFLOW, start).catch((error: unknown) => {
      // The look for what is overdue makes up for it.
      log.warn({ webhook: id, error: String(error) }, 'A webhook could not be woken; will try again.')
    })
  }

  async function look(): Promise<void> {
    if (webhooks.length === 0) return
    const overdue = await store.webhooks.overdue(Date.now() - OVERDUE_MS).catch(() => [])
    for (const id of overdue) if (webhooks.some((webhook) => webhook.id === id)) wake(id)
  }
  void look()
  const timer = setInterval(() => void look(), interval_ms)
  return {
    observe(events) {
      for (const { id, kinds } of webhooks) if (events.some(({ kind }) => kinds.includes(kind))) wake(id)
    },
    stop() {
      stopped = true
      clearInterval(timer)
    },
  }
}
