import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Store } from '../store/store.ts'
import type { Observe } from '../thread/ports.ts'
import { conversationFigures } from './conversations.ts'
import { requestFigures, type RequestFigures } from './requests.ts'
import { pageOf } from './temporal.ts'
import { webhookFigures, type CountedTry } from './webhooks.ts'

/**
 * What one process counts, for Prometheus. A worker counts the events that it has stored; the depth of the queues is
 * asked of the store whenever somebody looks, so every process tells the same of it.
 */
export type Metrics = RequestFigures & {
  /** Counts events that have just been stored, each once. */
  observe: Observe
  webhook(attempt: CountedTry): void
  /** The page in Prometheus's text format. */
  text(): Promise<string>
  contentType: string
}

/** A store that is away must not keep the rest of the page from being read. */
const DEPTH_WAIT_MS = 1_000

/** `temporal`: gives the page of the SDK's own figures, where this process has a worker that is measured. */
export function createMetrics(
  { conversation, webhooks }: Pick<Store, 'conversation' | 'webhooks'>,
  { version = 'unknown', temporal = null }: { version?: string; temporal?: (() => Promise<string>) | null } = {},
): Metrics {
  const registers = [new Registry()]
  const [registry] = registers as [Registry]
  collectDefaultMetrics({ register: registry })
  new Gauge({ name: 'weft_info', help: '1; the version is a label.', labelNames: ['version'], registers }).set({ version }, 1)
  new Gauge({
    name: 'weft_dispatches',
    help: 'Dispatches by status, of all processes; those that were acknowledged are not counted.',
    labelNames: ['status'],
    registers,
    async collect() {
      const counts = await inTime(conversation.countDispatches())
      this.reset()
      if (counts === null) return
      for (const status of STATUSES) this.set({ status }, 0)
      for (const { status, count } of counts) this.set({ status }, count)
    },
  })
  new Gauge({
    name: 'weft_webhook_deliveries',
    help: 'Deliveries to webhooks that wait or have failed, of all processes.',
    labelNames: ['status'],
    registers,
    async collect() {
      const counts = await inTime(webhooks.count())
      this.reset()
      if (counts === null) return
      for (const status of ['pending', 'failed']) this.set({ status }, 0)
      for (const { status, count } of counts) this.inc({ status }, count)
    },
  })
  return {
    observe: conversationFigures(registers),
    webhook: webhookFigures(registers),
    ...requestFigures(registers),
    text: () => pageOf(registry, temporal),
    contentType: registry.contentType,
  }
}

const STATUSES = ['queued', 'claimed', 'cancelled', 'superseded', 'dead_letter'] as const

async function inTime<T>(asked: Promise<T>): Promise<T | null> {
  const late = new Promise<null>((resolve) => setTimeout(resolve, DEPTH_WAIT_MS, null).unref())
  return await Promise.race([asked.catch(() => null), late])
}
