import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client as TemporalClient, Connection } from '@temporalio/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient, type Client } from '../http/support/client.ts'
import { checkService } from '../support/check-everywhere.ts'
import { eventually } from '../support/engine.ts'
import { startOpenAiServer, type Answer, type OpenAiServer } from '../support/openai-server.ts'
import { startOtlpReceiver, type OtlpReceiver, type SentSpan } from '../support/otlp-receiver.ts'
import { createPlace, type Started } from '../support/program.ts'
import { ROOT } from '../support/sources.ts'

/** One service that sends traces, with a model behind an endpoint of the test's own. */
const place = createPlace()
const answers: Answer[] = []
let collector: OtlpReceiver
let endpoint: OpenAiServer
let program: Started
let client: Client
const loaded = join(place.dir, 'loaded')
const hooks = { through: ['--import', join(ROOT, 'test', 'support', 'note-loaded.mjs')] }
beforeAll(async () => {
  ;[collector, endpoint] = await Promise.all([startOtlpReceiver(), startOpenAiServer({ answers })])
  // Each command is followed by a new execution, which must take the contexts over.
  program = start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, WEFT_CONTINUE_AS_NEW_EVERY: '1' })
  client = createClient((await program.facts).api)
})
afterAll(async () => {
  place.clean()
  await Promise.all([collector.close(), endpoint.close()])
})

function start(env: Record<string, string>): Started {
  const model = { OPENAI_API_KEY: 'key-of-the-test', OPENAI_BASE_URL: endpoint.base_url, OPENAI_MODEL: 'model-of-the-test' }
  return place.start({ ...model, LOG_LEVEL: 'warn', WEFT_TEST_LOADED: loaded, ...env }, hooks)
}

const hex = (digit: string, length: number): string => digit.repeat(length)
const traceparent = (trace_id: string, span_id = hex('b', 16)) => ({ traceparent: `00-${trace_id}-${span_id}-01` })
const tool = (name: string, args: object): Answer => ({ kind: 'tools', calls: [{ name, args: JSON.stringify(args) }] })
const text = (words: string): Answer => ({ kind: 'text', text: words })
const run = (thread_id: string, content: string, headers: Record<string, string> = {}) =>
  client.call('POST', '/v1/runs', { agent_id: 'default', thread_id, messages: [{ role: 'user', content }] }, headers)

/** The spans of a trace once all of these are there. */
function traceWith(trace_id: string, ...names: string[]): Promise<SentSpan[]> {
  return eventually(() => {
    const spans = collector.spans.filter((span) => span.trace_id === trace_id)
    return names.every((name) => spans.some((span) => span.name === name)) ? spans : undefined
  })
}

function one(spans: SentSpan[], name: string): SentSpan {
  const [found] = spans.filter((span) => span.name === name)
  expect(found, `${name} among ${spans.map((span) => span.name).join(', ')}`).toBeDefined()
  return found as SentSpan
}

test('one trace joins the request, the run, its activities and the calls to the model', async () => {
  answers.push(text('Hello.'), tool('get_weather', { city: 'Secret City' }), text('It rains in the secret city.'))
  // A first run is stored before its thread is started, and comes to one execution.
  await run('joined', 'Hello?', { accept: 'application/json' })
  const trace_id = hex('a', 32)
  const { status, body } = await run('joined', 'How is the weather?', { accept: 'application/json', ...traceparent(trace_id) })
  expect({ status, output: body.final_output }).toEqual({ status: 200, output: 'It rains in the secret city.' })

  const spans = await traceWith(trace_id, 'POST /v1/runs', 'run', 'RunActivity:runTool', 'RunActivity:persist')
  const request = one(spans, 'POST /v1/runs')
  const command = one(spans, 'UpdateWithStart:submit')
  expect(request.parent_id).toBe(hex('b', 16))
  expect(command.parent_id).toBe(request.span_id)
  const ids = { 'weft.tenant': 'default', 'weft.thread_id': 'joined', 'weft.run_id': body.run_id }
  expect(request.attributes).toMatchObject({ ...ids, 'http.route': '/v1/runs', 'http.response.status_code': 200 })
  // Everything that the thread did stands below the command.
  const activities = spans.filter(({ name }) => name.startsWith('RunActivity:'))
  const of = (name: string) => activities.filter((span) => span.name === `RunActivity:${name}`)
  expect({ steps: of('runModelStep').length, tools: of('runTool').length }).toEqual({ steps: 2, tools: 1 })
  expect(of('persist').length).toBeGreaterThan(1)
  for (const activity of activities) expect(activity.parent_id).toBe(command.span_id)
  // It was handed over on the way: the execution that the command came to had no activity yet.
  const connection = await Connection.connect({ address: (await program.facts).temporal })
  const execution = String(activities[0]?.attributes['temporalRunID'])
  const { events } = await new TemporalClient({ connection }).workflow.getHandle('default/joined', execution).fetchHistory()
  expect(events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId).toBeTruthy()
  await connection.close()
  expect(of('runTool')[0]?.attributes).toMatchObject({ ...ids, 'gen_ai.tool.name': 'get_weather', 'weft.outcome': 'done' })

  const calls = spans.filter(({ name }) => name === 'chat model-of-the-test')
  expect(calls.map(({ parent_id }) => parent_id).toSorted()).toEqual(
    of('runModelStep')
      .map(({ span_id }) => span_id)
      .toSorted(),
  )
  expect(calls[0]?.attributes).toMatchObject({
    ...ids,
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'model-of-the-test',
    'gen_ai.usage.input_tokens': expect.any(Number),
  })
  const whole = one(spans, 'run')
  expect(whole).toMatchObject({ parent_id: command.span_id, failed: false })
  expect(whole.attributes).toMatchObject({
    ...ids,
    'weft.termination': 'natural_end',
    'weft.steps': 2,
    'gen_ai.agent.id': 'default',
  })
  for (const call of calls) expect(call.start_ms).toBeGreaterThanOrEqual(whole.start_ms)
  expect(collector.resource).toMatchObject({ 'service.name': 'weft' })
})

test('a later command on a run carries on in its own trace, linked to where the run came from', async () => {
  answers.push(tool('send_email', { to: 'a@example.org', subject: 's' }), text('Sent.'))
  const [asked, decided] = [hex('c', 32), hex('d', 32)]
  const waiting = await run('decided', 'Write to her.', { accept: 'application/json', ...traceparent(asked) })
  const [ticket] = waiting.body.waiting.tickets
  await client.call(
    'POST',
    `/v1/runs/${waiting.body.run_id}/decision`,
    { tool_call_id: ticket.tool_call_id, action: 'resume', payload: { approved: true } },
    traceparent(decided),
  )
  const later = await traceWith(decided, 'POST /v1/runs/:id/decision', 'RunActivity:runTool', 'chat model-of-the-test')
  const first = await traceWith(asked, 'POST /v1/runs', 'run', 'chat model-of-the-test')
  const origin = one(first, 'Start:thread')
  const command = one(later, 'UpdateWithStart:decision')
  expect(one(later, 'RunActivity:runTool')).toMatchObject({
    parent_id: command.span_id,
    links: [{ trace_id: asked, span_id: origin.span_id }],
  })
  expect(one(first, 'run').links).toMatchObject([{ trace_id: decided }])
  expect(first.filter(({ name }) => name === 'RunActivity:runTool')).toEqual([])
})

test('a queued run belongs to the submit that queued it, and not to what was going on', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  answers.push({ kind: 'text', text: 'one two', hold: promise }, text('three'))
  const submit = (content: string, trace_id: string) =>
    client.call('POST', '/v1/threads/queued/messages', { messages: [{ role: 'user', content }] }, traceparent(trace_id))
  await client.call('POST', '/v1/threads', { id: 'queued' })
  const [front, behind] = [hex('e', 32), hex('f', 32)]
  await submit('first', front)
  expect((await submit('second', behind)).body.status).toBe('queued')
  resolve()
  const spans = await traceWith(behind, 'run', 'RunActivity:runModelStep')
  expect(spans.filter(({ name }) => name === 'RunActivity:runModelStep')).toHaveLength(1)
  expect((await traceWith(front, 'run')).filter(({ name }) => name === 'RunActivity:runModelStep')).toHaveLength(1)
})

test('a client that wants no trace gets none, down to the model', async () => {
  answers.push(text('Unseen.'))
  const trace_id = hex('3', 32)
  const headers = { accept: 'application/json', traceparent: `00-${trace_id}-${hex('b', 16)}-00` }
  expect((await run('unsampled', 'Hello', headers)).body.final_output).toBe('Unseen.')
  answers.push(text('Seen.'))
  const after = hex('4', 32)
  await run('sampled', 'Hello', { accept: 'application/json', ...traceparent(after) })
  await traceWith(after, 'run', 'POST /v1/runs')
  expect(collector.spans.filter((span) => span.attributes['weft.thread_id'] === 'unsampled')).toEqual([])
  expect(collector.spans.filter((span) => span.trace_id === trace_id)).toEqual([])
})

test('what a signal without a context leads to begins traces of its own', async () => {
  answers.push(text('Signalled.'))
  const connection = await Connection.connect({ address: (await program.facts).temporal })
  const handle = new TemporalClient({ connection }).workflow.getHandle('default/joined')
  await handle.signal('submit', { messages: [{ role: 'user', content: 'by signal' }] })
  const known = new Set(collector.spans)
  const step = await eventually(() =>
    collector.spans.find(
      (span) => span.name === 'RunActivity:runModelStep' && span.attributes['weft.thread_id'] === 'joined' && !known.has(span),
    ),
  )
  expect({ parent: step.parent_id, links: step.links }).toEqual({ parent: '', links: [] })
  await connection.close()
})

test('nothing that people or tools wrote is in any span, and health checks make none', async () => {
  await client.call('GET', '/health')
  await client.call('GET', '/v1/threads/joined/messages?access_token=weft_secret')
  await eventually(() => collector.spans.find(({ name }) => name === 'GET /v1/threads/:id/messages'))
  expect(collector.raw()).not.toMatch(/secret|weather\?|Write to her|example\.org|key-of-the-test/i)
  expect(collector.spans.filter(({ name }) => name.includes('/health'))).toEqual([])
})

test('without the variable nothing is sent and nothing of OpenTelemetry is loaded', async () => {
  await checkService(client)
  program.child.kill('SIGTERM')
  expect((await program.ended).code).toBe(0)
  expect(modules()).not.toEqual([])
  const before = { requests: collector.requests(), lines: readFileSync(loaded, 'utf8').length }

  answers.push(text('Quietly.'))
  const quiet = start({})
  client = createClient((await quiet.facts).api)
  // Its history is of the life before, with traces.
  const { body } = await run('joined', 'Hello', { accept: 'application/json', ...traceparent(hex('2', 32)) })
  expect(body.final_output).toBe('Quietly.')
  quiet.child.kill('SIGTERM')
  expect((await quiet.ended).code).toBe(0)
  expect(collector.requests()).toBe(before.requests)
  expect(modules(before.lines)).toEqual([])
})

/** What was loaded of OpenTelemetry, but its bare interface, which prom-client and the AI SDK ask for in any case. */
function modules(from = 0): string[] {
  const all = readFileSync(loaded, 'utf8').slice(from).split('\n')
  expect(all.length).toBeGreaterThan(100)
  const ours = /\/src\/tracing\/(?!tracing\.ts)/
  return all.filter((url) => (/@opentelemetry\//.test(url) && !/@opentelemetry\/api\//.test(url)) || ours.test(url))
}
