import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Store } from '../store/store.ts'
import type { LogEvent } from '../thread/envelope.ts'
import { isObject } from '../thread/json.ts'

/**
 * What one process counts, for Prometheus. A worker counts the events that it has stored; the depth of the queues is
 * asked of the store whenever somebody looks, so every process tells the same of it.
 */
export type Metrics = {
  /** Counts events that have just been stored, each once. */
  observe(events: readonly LogEvent[]): void
  /** The page in Prometheus's text format. */
  text(): Promise<string>
  contentType: string
}

/** A store that is away must not keep the rest of the page from being read. */
const DEPTH_WAIT_MS = 1_000
const START_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600]

export function createMetrics({ conversation, webhooks }: Pick<Store, 'conversation' | 'webhooks'>): Metrics {
  const registers = [new Registry()]
  const [registry] = registers as [Registry]
  collectDefaultMetrics({ register: registry })
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
      for (const { status, count } of counts ?? []) this.inc({ status }, count)
    },
  })
  const redeliveries = new Counter({
    name: 'weft_dispatch_redeliveries_total',
    help: 'Attempts that failed and were scheduled again.',
    labelNames: ['reason'],
    registers,
  })
  const started = new Histogram({
    name: 'weft_dispatch_start_seconds',
    help: 'Time from the queueing of a dispatch to the start of its run.',
    buckets: START_BUCKETS_S,
    registers,
  })
  const ended = new Counter({
    name: 'weft_runs_ended_total',
    help: 'Runs that have ended, by how.',
    labelNames: ['termination'],
    registers,
  })
  const rejected = new Counter({
    name: 'weft_commands_rejected_total',
    help: 'Signals that were refused, by the code of the refusal.',
    labelNames: ['code'],
    registers,
  })
  return {
    observe(events) {
      for (const { kind, payload, occurred_at } of events) {
        if (kind === 'RunRescheduled') redeliveries.inc({ reason: text(payload['reason']) })
        else if (kind === 'RunStarted') started.observe(Math.max(0, occurred_at - Number(payload['created_at'])) / 1_000)
        else if (kind === 'RunFinished' || kind === 'RunErrored')
          ended.inc({ termination: terminationOf(payload['termination']) })
        else if (kind === 'CommandRejected') rejected.inc({ code: text(payload['code']) })
      }
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}

const STATUSES = ['queued', 'claimed', 'cancelled', 'superseded', 'dead_letter'] as const

async function inTime<T>(asked: Promise<T>): Promise<T | null> {
  const late = new Promise<null>((resolve) => setTimeout(resolve, DEPTH_WAIT_MS, null).unref())
  return await Promise.race([asked.catch(() => null), late])
}

function terminationOf(value: unknown): string {
  return isObject(value) ? text(value['type']) : 'unknown'
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : 'unknown'
}
