import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { Weft } from '../e2e/support/weft.ts'
import { eventually } from '../support/engine.ts'
import { startReceiver } from '../support/receiver.ts'
import { ROOT } from '../support/sources.ts'

/** What /metrics prints after a short life, against what docs/operations.md and deploy/alerts.yml say of it. */
const weft = new Weft()
let receiver: Awaited<ReturnType<typeof startReceiver>>
let page = ''
let log = ''
beforeAll(async () => {
  receiver = await startReceiver(() => ({ status: 200 }))
  await weft.start({ LOG_LEVEL: 'info', WEFT_WEBHOOK_NETWORKS: '127.0.0.1/32' })
  await live()
  page = await (await fetch(`${weft.api}/metrics`)).text()
  log = await weft.stop()
})
afterAll(async () => {
  weft.close()
  await receiver.close()
})

/** A life in which everything happens that is counted. */
async function live(): Promise<void> {
  const { call } = weft.client
  expect((await call('POST', '/v1/webhooks', { url: receiver.url })).status).toBe(201)
  await weft.ask('figures', '/tool get_weather {"city":"Oslo"}')
  await weft.ask('figures', '/fail 1 500')
  const submit = (content: string) => call('POST', '/v1/threads/figures/messages', { messages: [{ role: 'user', content }] })
  await submit('/slow 300\nslowly now')
  const { body } = await submit('behind it')
  await call('GET', `/v1/runs/${body.run_id}/wait?timeout_ms=20000`)
  await call('GET', '/v1/threads/none')
  await refusedSignal()
  await eventually(async () => {
    const text = await (await fetch(`${weft.api}/metrics`)).text()
    return /^weft_webhook_attempts_total\{.*\} [1-9]/m.test(text) ? text : undefined
  })
}

async function refusedSignal(): Promise<void> {
  const connection = await Connection.connect({ address: weft.temporal })
  const handle = new Client({ connection }).workflow.getHandle('default/figures')
  await handle.signal('retract_pending', { pending_id: 'none', expected_revision: 'any' })
  await eventually(async () => {
    const { body } = await weft.client.call('GET', '/v1/threads/figures/events?kinds=CommandRejected')
    return body.items.length > 0 ? true : undefined
  })
  await connection.close()
}

type Row = { name: string; labels: string[]; kind: string }
const rows: Row[] = [...read('docs', 'operations.md').matchAll(/^\| `((?:weft|temporal)_\w+)` +\| (.*?) +\| (\w+) +\|/gm)].map(
  ([, name = '', labels = '', kind = '']) => ({
    name,
    kind,
    labels: [...labels.matchAll(/`(\w+)`/g)].map((match) => match[1] ?? ''),
  }),
)

function read(...path: string[]): string {
  return readFileSync(join(ROOT, ...path), 'utf8')
}

/** Of every figure on the page but those of the process: its kind, and the labels of its samples. */
function printed(): Map<string, { kind: string; labels: Set<string> }> {
  const found = new Map<string, { kind: string; labels: Set<string> }>()
  for (const [, name = '', kind = ''] of page.matchAll(/^# TYPE (\w+) (\w+)$/gm)) found.set(name, { kind, labels: new Set() })
  for (const [, full = '', labels = ''] of page.matchAll(/^(\w+?)(?:\{(.*)\})? \S+$/gm)) {
    const of = found.get(full) ?? found.get(full.replace(/_(bucket|sum|count)$/, ''))
    expect(of, `${full} is announced`).toBeDefined()
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) if (label !== 'le') of?.labels.add(label)
  }
  for (const name of found.keys()) if (/^(process|nodejs)_/.test(name)) found.delete(name)
  return found
}

describe('the table of figures', () => {
  test('has what is printed, and nothing else', () => {
    const kinds = Object.fromEntries([...printed()].map(([name, { kind }]) => [name, kind]))
    expect(rows.length).toBeGreaterThan(35)
    expect(Object.fromEntries(rows.map(({ name, kind }) => [name, kind]))).toEqual(kinds)
    expect(page).toMatch(/^# TYPE (process|nodejs)_/m)
  })

  test('names the labels', () => {
    const found = printed()
    for (const { name, labels } of rows) {
      const real = [...(found.get(name)?.labels ?? [])].toSorted()
      if (name.startsWith('weft_')) expect({ name, labels: labels.toSorted() }).toEqual({ name, labels: real })
      else if (real.length > 0) expect(real, name).toEqual(expect.arrayContaining(labels))
    }
  })
})

test('figures say what has happened', () => {
  const value = (sample: string): number =>
    Number(new RegExp(`^${sample.replaceAll(/[{}.]/g, '\\$&')} (\\S+)$`, 'm').exec(page)?.[1])
  expect(value('weft_runs_ended_total{termination="natural_end"}')).toBe(4)
  expect(value('weft_tenant_runs_ended_total{tenant="default"}')).toBe(4)
  expect(value('weft_run_seconds_count{termination="natural_end"}')).toBe(4)
  expect(value('weft_step_seconds_count{model="scripted"}')).toBe(5)
  expect(value('weft_tokens_total{model="scripted",direction="input"}')).toBeGreaterThan(0)
  expect(value('weft_tool_calls_total{outcome="succeeded"}')).toBe(1)
  expect(value('weft_message_wait_seconds_count')).toBe(1)
  expect(value('weft_message_wait_seconds_sum')).toBeGreaterThan(0.1)
  expect(value('weft_dispatch_redeliveries_total{reason="attempt_failed"}')).toBe(1)
  expect(value('weft_event_store_seconds_count')).toBeGreaterThan(4)
  expect(value('weft_http_request_seconds_count{method="POST",route="/v1/threads/:id/messages",status="2xx"}')).toBe(2)
  expect(value('weft_http_responses_total{status="404"}')).toBe(1)
  expect(value('weft_streams_open')).toBe(0)
  // Each run that has ended; one go may tell of several.
  expect(value('weft_webhook_attempts_total{status="delivered"}')).toBeGreaterThan(0)
  const slots = page.match(/^temporal_worker_task_slots_available\{.*worker_type="ActivityWorker".*\} (\S+)$/m)
  expect(Number(slots?.[1])).toBeGreaterThan(100)
  expect(page).toMatch(/^temporal_workflow_task_schedule_to_start_latency_seconds_count\{.*\} [1-9]/m)
})

test('no label tells of a single thread, run, message or address', () => {
  expect(page).not.toMatch(/figures|Oslo|127\.0\.0\.1|[0-9a-f]{8}-[0-9a-f]{4}-7/)
})

describe('alerts', () => {
  type Rule = { alert: string; expr: string; labels: { severity: string }; annotations: { summary: string; action: string } }
  const { groups } = parse(read('deploy', 'alerts.yml')) as { groups: { rules: Rule[] }[] }
  const rules = groups.flatMap((group) => group.rules)

  test.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s asks for figures that are there, and says what to do',
    (_name, rule) => {
      const names = rule.expr.match(/\b(weft|temporal|process|nodejs)_\w+/g) ?? []
      expect(names).not.toEqual([])
      const known = new Set(
        [...page.matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(([, name = '', kind]) =>
          kind === 'histogram' ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
        ),
      )
      expect(names.filter((name) => !known.has(name))).toEqual([])
      expect(['page', 'ticket']).toContain(rule.labels.severity)
      expect(rule.annotations.summary).toMatch(/\.$/)
      expect(rule.annotations.action).toMatch(/\.$/)
      // Figures that the texts name exist too, and so do the alerts.
      const named = JSON.stringify(rule.annotations).match(/\b(weft|temporal|process|nodejs)_[a-z0-9_]+/g) ?? []
      const all = [...known, ...rows.map(({ name }) => name)]
      expect(named.filter((name) => !all.includes(name))).toEqual([])
      const others = rule.annotations.action.match(/\bWeft[A-Z]\w+/g) ?? []
      expect(others.filter((other) => !rules.some(({ alert }) => alert === other))).toEqual([])
    },
  )
})

test('lines of the log say which tenant, thread and run they are about', () => {
  const lines = log
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const failed = lines.find(({ msg }) => msg === 'a model call failed')
  expect(failed).toMatchObject({ tenant: 'default', thread_id: 'figures', run_id: expect.any(String), step: 1, attempt: 1 })
  const requests = lines.filter(({ msg }) => msg === 'request')
  expect(requests.length).toBeGreaterThan(5)
  expect(requests.find(({ run_id }) => run_id === failed?.['run_id'])).toMatchObject({
    method: 'POST',
    status: 200,
    thread_id: 'figures',
  })
  expect(log).not.toMatch(/Oslo|slowly|behind it/)
})
