import type { Client } from '@temporalio/client'
import type { Store } from '../store/store.ts'
import type { LogEvent } from '../thread/envelope.ts'
import { TASK_QUEUE, WAKE } from './names.ts'

const WEBHOOK_WORKFLOW = 'webhook'
/** Looks after new events come at least this far apart (ms); one finds all that has come up meanwhile. */
const PAUSE_MS = 200
/** What has been due for so long has nobody who sees to it: its signal was lost, or its workflow (ms). */
const OVERDUE_MS = 5_000
/** Kinds that a webhook may be told of. */
const TOLD: ReadonlySet<string> = new Set(['RunFinished', 'RunErrored', 'RunWaiting', 'QueueParked'])

export type WebhookWakerOptions = {
  store: Pick<Store, 'webhooks'>
  client: Client
  /** Between two looks for what nobody sees to (ms). */
  interval_ms: number
  log: { warn(facts: object, message: string): void }
  task_queue?: string
}

export type WebhookWaker = {
  /** Told of events that have just been stored; returns at once. */
  observe(events: readonly LogEvent[]): void
  stop(): Promise<void>
}

/** A webhook's workflow id; a thread's has a slash. */
export function webhookWorkflowId(id: string): string {
  return `webhook:${id}`
}

/** Wakes or starts the workflow of a webhook when there is something to tell it of. Nothing here is on a run's way. */
export function createWebhookWaker({
  store,
  client,
  interval_ms,
  log,
  task_queue = TASK_QUEUE,
}: WebhookWakerOptions): WebhookWaker {
  let stopped = false
  let timer: NodeJS.Timeout | null = null
  let current = Promise.resolve()

  async function look(due_before: number): Promise<void> {
    try {
      for (const id of await store.webhooks.overdue(due_before)) {
        await client.workflow.signalWithStart(WEBHOOK_WORKFLOW, {
          workflowId: webhookWorkflowId(id),
          taskQueue: task_queue,
          args: [{ webhook_id: id }],
          signal: WAKE,
          signalArgs: [],
          staticSummary: `Webhook ${id}`,
        })
      }
    } catch (error) {
      // The next look makes up for it.
      log.warn({ error: String(error) }, 'Webhooks could not be woken; will try again.')
    }
  }
  const plan = (before: () => number): void => {
    current = current.then(() => (stopped ? undefined : look(before())))
  }

  plan(() => Date.now() - OVERDUE_MS)
  const interval = setInterval(() => plan(() => Date.now() - OVERDUE_MS), interval_ms)
  return {
    observe(events) {
      if (stopped || timer !== null || !events.some(({ kind }) => TOLD.has(kind))) return
      timer = setTimeout(() => {
        timer = null
        // The store's clock may be a little ahead of this one.
        plan(() => Date.now() + 1_000)
      }, PAUSE_MS)
    },
    async stop() {
      stopped = true
      clearInterval(interval)
      if (timer !== null) clearTimeout(timer)
      await current
    },
  }
}
