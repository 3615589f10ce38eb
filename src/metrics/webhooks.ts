import { Counter, Histogram, type Registry } from 'prom-client'

/** One request to a webhook: how the delivery stands after it, and how long it took (ms). */
export type CountedTry = { status: 'delivered' | 'pending' | 'failed'; ms: number }

const BUCKETS_S = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** What a worker sends to webhooks. */
export function webhookFigures(registers: Registry[]): (attempt: CountedTry) => void {
  const attempts = new Counter({
    name: 'weft_webhook_attempts_total',
    help: 'Requests to webhooks: taken (delivered), to be repeated (pending), given up (failed).',
    labelNames: ['status'],
    registers,
  })
  const seconds = new Histogram({
    name: 'weft_webhook_attempt_seconds',
    help: 'Time that a webhook took to answer.',
    buckets: BUCKETS_S,
    registers,
  })
  return ({ status, ms }) => {
    attempts.inc({ status })
    seconds.observe(ms / 1_000)
  }
}
