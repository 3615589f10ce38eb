import { LRUCache } from 'lru-cache'
import { Counter, Histogram, type Registry } from 'prom-client'
import type { LogEvent } from '../thread/envelope.ts'
import { isObject } from '../thread/json.ts'
import type { Observe } from '../thread/ports.ts'
import { bounded } from './labels.ts'

const START_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600]
const RUN_BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 86_400]
const STEP_BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300]
const STORE_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300]
const MAX_MODELS = 50
const MAX_TENANTS = 100
/** Messages whose delivery is remembered until they are read. */
const MAX_WAITING = 10_000

/** What conversations do, counted by the worker that stores their events. Each event comes here once. */
export function conversationFigures(registers: Registry[]): Observe {
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
  const runs = new Histogram({
    name: 'weft_run_seconds',
    help: 'Time from the start of a run to its end, with all that it waited for.',
    labelNames: ['termination'],
    buckets: RUN_BUCKETS_S,
    registers,
  })
  const steps = new Histogram({
    name: 'weft_step_seconds',
    help: 'Time of a model step, by model.',
    labelNames: ['model'],
    buckets: STEP_BUCKETS_S,
    registers,
  })
  const tokens = new Counter({
    name: 'weft_tokens_total',
    help: 'Tokens that models have read and written, as their providers count.',
    labelNames: ['model', 'direction'],
    registers,
  })
  const tools = new Counter({
    name: 'weft_tool_calls_total',
    help: 'Tool calls that have come to an end, by how.',
    labelNames: ['outcome'],
    registers,
  })
  const waited = new Histogram({
    name: 'weft_message_wait_seconds',
    help: 'Time that a message waited in the queue of its thread before a run read it.',
    buckets: START_BUCKETS_S,
    registers,
  })
  const stored = new Histogram({
    name: 'weft_event_store_seconds',
    help: 'Time from an event to its being stored, where anybody can read it.',
    buckets: STORE_BUCKETS_S,
    registers,
  })
  const rejected = new Counter({
    name: 'weft_commands_rejected_total',
    help: 'Signals that were refused, by the code of the refusal.',
    labelNames: ['code'],
    registers,
  })
  const tenantRuns = new Counter({
    name: 'weft_tenant_runs_ended_total',
    help: 'Runs that have ended, by tenant.',
    labelNames: ['tenant'],
    registers,
  })
  const tenantTokens = new Counter({
    name: 'weft_tenant_tokens_total',
    help: 'Tokens by tenant.',
    labelNames: ['tenant', 'direction'],
    registers,
  })
  const modelLabel = bounded(MAX_MODELS)
  const tenantLabel = bounded(MAX_TENANTS)
  const waiting = new LRUCache<string, number>({ max: MAX_WAITING })

  function spent(tenant: string, payload: LogEvent['payload']): void {
    const { model: name, usage, duration_ms } = payload
    const model = modelLabel(text(name))
    steps.observe({ model }, Number(duration_ms) / 1_000)
    for (const direction of ['input', 'output'] as const) {
      const count = isObject(usage) ? Number(usage[`${direction}_tokens`]) : 0
      if (!(count > 0)) continue
      tokens.inc({ model, direction }, count)
      tenantTokens.inc({ tenant, direction }, count)
    }
  }

  function observe(tenant: string, { kind, payload, occurred_at, thread_id }: LogEvent): void {
    switch (kind) {
      case 'RunRescheduled':
        return redeliveries.inc({ reason: text(payload['reason']) })
      case 'RunStarted':
        return started.observe(Math.max(0, occurred_at - Number(payload['created_at'])) / 1_000)
      case 'RunFinished':
      case 'RunErrored':
        ended.inc({ termination: terminationOf(payload['termination']) })
        return tenantRuns.inc({ tenant })
      case 'InferenceCompleted':
        return spent(tenant, payload)
      case 'ToolCallDone':
        return tools.inc({ outcome: text(payload['outcome']) })
      case 'ToolCallCancelled':
        return tools.inc({ outcome: 'cancelled' })
      case 'CommandRejected':
        return rejected.inc({ code: text(payload['code']) })
      case 'PendingDelivered':
        waiting.set(`${tenant}/${thread_id}/${text(payload['pending_id'])}`, occurred_at)
        return
      case 'PendingRetracted':
      case 'PendingUndelivered':
        waiting.delete(`${tenant}/${thread_id}/${text(payload['pending_id'])}`)
        return
      case 'MessageCommitted': {
        const id = `${tenant}/${thread_id}/${text(payload['message_id'])}`
        const since = waiting.get(id)
        if (since === undefined) return
        waiting.delete(id)
        return waited.observe(Math.max(0, occurred_at - since) / 1_000)
      }
      default:
    }
  }

  return (events, batch) => {
    const now = Date.now()
    const tenant = tenantLabel(batch.tenant)
    for (const event of events) observe(tenant, event)
    // One for all, since they become readable together.
    const first = events[0]
    if (first !== undefined) stored.observe(Math.max(0, now - first.occurred_at) / 1_000)
    for (const { record } of batch.ended) {
      const { started_at, finished_at, termination } = record
      if (started_at === null || finished_at === null) continue
      runs.observe({ termination: termination?.type ?? 'unknown' }, Math.max(0, finished_at - started_at) / 1_000)
    }
  }
}

function terminationOf(value: unknown): string {
  return isObject(value) ? text(value['type']) : 'unknown'
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : 'unknown'
}
