import { request } from 'node:http'
import { expect, it } from 'vitest'
import { roleFor, routeName } from '../../src/http/roles.ts'
import { allRoutes } from '../../src/http/routes/index.ts'
import { client, scene, service } from './support/black-box.ts'
import { expectProblem } from './support/client.ts'
import { EMAIL, user } from './support/threads.ts'

it('refuses every field that is misspelt, by its name, and does nothing', async () => {
  const { thread_id, run_id } = await scene.start('/slow 20000 a b c d')
  await scene.post(thread_id, 'later', {}, { id: 'm' })
  const thread = `/v1/threads/${thread_id as string}`
  const run = `/v1/runs/${run_id as string}`
  const messages = [user('x')]
  const decision = { tool_call_id: 'x', action: 'resume' }
  const part = (more: object) => ({ messages: [user([{ type: 'image', url: 'https://example.org/a.png', ...more }])] })
  const wrong: [string, string, object, string][] = [
    ['POST', '/v1/threads', { titel: 'x' }, 'titel'],
    ['POST', '/v1/threads', { metadata: { title: 'x' } }, 'metadata'],
    ['PATCH', thread, { costum: {} }, 'costum'],
    ['PATCH', `${thread}/metadata`, { resource_id: 'x' }, 'resource_id'],
    ['POST', '/v1/runs', { agent_id: 'default', messages, on_disconect: 'cancel' }, 'on_disconect'],
    ['POST', '/v1/runs', { agent_id: 'default', messages, overrides: { max_step: 1 } }, 'max_step'],
    ['POST', `${thread}/messages`, { messages, mod: 'interrupt_then_queue' }, 'mod'],
    ['POST', `${thread}/messages`, { messages, overrides: { modell: 'x' } }, 'modell'],
    ['POST', `${thread}/messages`, { messages, delivery: { boundry: 'next_step' } }, 'boundry'],
    ['POST', `${thread}/messages`, { messages: [user('x', { visable: 'internal' })] }, 'visable'],
    ['POST', `${thread}/messages`, part({ mediaType: 'image/png' }), 'mediaType'],
    ['POST', `${thread}/mailbox`, { payload: 'x', agent_id: 'default' }, 'agent_id'],
    ['POST', `${run}/inputs`, { messages, agent_id: 'default' }, 'agent_id'],
    ['POST', `${run}/decision`, { ...decision, approved: false }, 'approved'],
    ['POST', `${thread}/decision`, { ...decision, edited_args: {} }, 'edited_args'],
    ['POST', `${thread}/decision`, { ...decision, remember: true }, 'remember'],
    ['POST', `${thread}/decision`, { ...decision, by: { nam: 'Ada' } }, 'nam'],
    ['POST', `${run}/cancel`, { wait: true }, 'wait'],
    ['POST', `${thread}/interrupt`, { que: 'keep' }, 'que'],
    ['POST', `${thread}/queue/resume`, { by: {} }, 'by'],
    ['PATCH', `${thread}/pending/m`, { content: 'x', delivery: { barrier: true } }, 'delivery'],
    ['PATCH', `${thread}/pending/m`, { message: { content: 'x', delivery: {} } }, 'delivery'],
    ['PATCH', `${thread}/pending/m`, { content: 'x', expected_revison: 1 }, 'expected_revison'],
    ['DELETE', `${thread}/pending/m`, { revision: 1 }, 'revision'],
    ['PUT', `${thread}/pending/order`, { pending_ids: ['m'], expected_revision: 1 }, 'expected_revision'],
    ['POST', `${thread}/pending/m/hold`, { ttl: 5 }, 'ttl'],
    ['POST', `${thread}/pending/m/release`, { by: { id: 'u', role: 'x' } }, 'role'],
  ]
  const before = await scene.pending(thread_id)
  for (const [method, path, body, field] of wrong) {
    const answer = await client.call(method, path, body, { 'If-Match': '*' })
    expectProblem(answer, 400, 'invalid_request')
    expect(answer.body.detail).toContain(`must not have "${field}"`)
    expect(answer.body.errors).toHaveLength(1)
  }
  expect(await scene.pending(thread_id)).toEqual(before)
  expect((await client.call('GET', run)).body.status).toBe('running')
})

it('refuses every query parameter that nothing has, also where a command has none', async () => {
  const run = await scene.waiting(EMAIL)
  const thread = `/v1/threads/${run.thread_id as string}`
  const wrong: [string, string, object?][] = [
    ['GET', '/v1/threads?parent=x'],
    ['GET', '/v1/runs?state=running'],
    ['GET', '/v1/inbox?thread=x'],
    ['GET', `${thread}/messages?visible=all`],
    ['GET', `${thread}/events?from=start`],
    ['GET', `/v1/runs/${run.run_id as string}/wait?timeout=1`],
    ['DELETE', `${thread}?children=cascade`],
    ['DELETE', `${thread}/pending/m?revision=1`],
    ['POST', `${thread}/interrupt?queue=keep`],
    ['POST', `${thread}/messages?mode=steer`, { messages: [user('x')] }],
    ['POST', `/v1/runs/${run.run_id as string}/decision?action=cancel`, { tool_call_id: 'x', action: 'resume' }],
  ]
  for (const [method, path, body] of wrong) {
    const answer = await client.call(method, path, body)
    expectProblem(answer, 400, 'invalid_request')
    const name = /\?(\w+)=/.exec(path)?.[1] ?? ''
    expect(answer.body.detail).toBe(`The query must not have "${name}": nothing has this name here.`)
  }
  expect((await client.call('GET', `/v1/runs/${run.run_id as string}`)).body).toEqual(run)
})

const guarded = allRoutes().filter((route) => roleFor(route) !== 'public')
const at = (path: string): string => path.replace(/:\w+/g, 'a'.repeat(16))

it.each(guarded.map((route) => [routeName(route), route] as const))(
  '%s refuses a query parameter of no name',
  async (_name, route) => {
    const body = route.body === undefined ? undefined : {}
    const answer = await client.call(route.method.toUpperCase(), `${at(route.path)}?nothing=1`, body)
    expectProblem(answer, 400, 'invalid_request')
    expect(answer.body.detail).toBe('The query must not have "nothing": nothing has this name here.')
  },
)

const BODY = '{"child_strategy":"cascade"}'
const bodiless = guarded.filter(({ body }) => body === undefined)
it.each(bodiless.map((route) => [routeName(route), route] as const))('%s refuses a body', async (_name, route) => {
  // What `fetch` would not send.
  const answer = await new Promise<{ status: number; body: any }>((resolve, reject) => {
    const options = {
      method: route.method.toUpperCase(),
      headers: { 'content-type': 'application/json', 'content-length': BODY.length },
    }
    const asked = request(`${service.url}${at(route.path)}`, options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }))
    })
    asked.on('error', reject)
    asked.end(BODY)
  })
  expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', detail: expect.stringContaining('no body') } })
})

it('lets whoever looks after the service ask as they like', async () => {
  expect((await client.call('GET', '/health/live?t=1')).status).toBe(200)
})

it('says so in the contract', async () => {
  const { body: document } = await client.call('GET', '/openapi.json')
  const resolve = (schema: any): any =>
    schema?.$ref === undefined ? schema : document.components.schemas[schema.$ref.split('/').at(-1)]
  const bodies = allRoutes().filter(({ body }) => body !== undefined)
  expect(bodies.length).toBeGreaterThan(10)
  for (const { method, path } of bodies) {
    const { requestBody } = document.paths[path.replace(/:(\w+)/g, '{$1}')][method]
    expect(resolve(requestBody.content['application/json'].schema), `${method} ${path}`).toMatchObject({
      type: 'object',
      additionalProperties: false,
    })
  }
  for (const name of ['Actor', 'DeliveryInput', 'MessageEdit', 'MessageInput', 'RunOverrides'])
    expect(document.components.schemas[name], name).toMatchObject({ additionalProperties: false })
})
