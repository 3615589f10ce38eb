import { expect, test } from 'vitest'
import { createMetrics } from '../../src/metrics/metrics.ts'
import { shownOf } from '../../src/metrics/temporal.ts'
import type { LogEvent } from '../../src/thread/envelope.ts'
import type { ThreadBatch } from '../../src/thread/ports.ts'

const store = {
  conversation: { countDispatches: () => Promise.resolve([]) },
  webhooks: { count: () => Promise.reject(new Error('away')) },
} as unknown as Parameters<typeof createMetrics>[0]

test('tenants and models beyond the first are counted together', async () => {
  const metrics = createMetrics(store)
  const event = (model: string) =>
    ({
      kind: 'InferenceCompleted',
      occurred_at: 0,
      payload: { model, usage: { input_tokens: 1, output_tokens: 2 }, duration_ms: 10 },
    }) as unknown as LogEvent
  const batch = {} as ThreadBatch
  for (let n = 0; n < 150; n += 1)
    metrics.observe([event(`model-${String(n)}`)], { tenant: `tenant-${String(n)}`, ended: [], batch })
  const page = await metrics.text()
  expect(page).toContain('weft_tenant_tokens_total{tenant="tenant-99",direction="input"} 1')
  expect(page).not.toContain('tenant-100')
  expect(page).toContain('weft_tenant_tokens_total{tenant="other",direction="output"} 100')
  expect(page).toContain('weft_tokens_total{model="other",direction="input"} 100')
  expect(page.match(/^weft_step_seconds_count/gm)).toHaveLength(51)
})

test('a store that is away leaves out its figures and no others', async () => {
  const page = await createMetrics(store).text()
  expect(page).toContain('# TYPE weft_webhook_deliveries gauge')
  expect(page).not.toMatch(/^weft_webhook_deliveries/m)
  expect(page).toContain('weft_dispatches{status="queued"} 0')
})

test("of the SDK's page comes what is on the list, and what has no sample yet is announced", () => {
  const page = shownOf(
    [
      '# HELP temporal_num_pollers theirs',
      '# TYPE temporal_num_pollers gauge',
      'temporal_num_pollers{poller_type="workflow_task"} 2',
      'temporal_something_new_total{id="1"} 7',
      'temporal_workflow_task_execution_latency_seconds_bucket{le="1"} 3',
      'temporal_workflow_task_execution_latency_seconds_count 3',
    ].join('\n'),
  )
  expect(page).toContain('\ntemporal_num_pollers{poller_type="workflow_task"} 2')
  expect(page).toContain('temporal_workflow_task_execution_latency_seconds_bucket{le="1"} 3')
  expect(page).toContain('# TYPE temporal_workflow_failed_total counter')
  expect(page).not.toContain('something_new')
  expect(page.match(/^# TYPE temporal_num_pollers/gm)).toHaveLength(1)
})

test('an SDK whose page cannot be had leaves the rest of the page as it is', async () => {
  const page = await createMetrics(store, { temporal: () => Promise.reject(new Error('gone')) }).text()
  expect(page).toContain('# TYPE temporal_num_pollers gauge')
  expect(page).toContain('weft_info{version="unknown"} 1')
})
