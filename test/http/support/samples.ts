import type { Client } from './client.ts'
import { EMAIL, scenes, user } from './threads.ts'

/** One of everything that a path may name, all of one tenant. */
export type Samples = {
  /** Its run waits for a decision. */
  thread: string
  run: string
  dispatch: string
  message: string
  tool_call: string
  /** Another thread, whose run takes its time, with one message behind it. */
  queue: string
  queue_revision: number
  pending: string
  /** A key that may be revoked. */
  key: string
  webhook: string
  delivery: string
  repair: string
}

export async function makeSamples(client: Client, key: string): Promise<Samples> {
  const scene = scenes(client)
  const webhook = (await client.call('POST', '/v1/webhooks', { url: 'https://example.com/told' })).body.id
  const { thread_id: thread, run_id: run, dispatch_id: dispatch, ...record } = await scene.waiting(EMAIL)
  const message = record.input.trigger_message_ids[0]
  const tool_call = record.waiting.tickets[0].tool_call_id
  const { thread_id: queue } = await scene.start('/slow 60000 a b')
  const pending = (await scene.post(queue, 'behind')).body.message_ids[0]
  // It waits to be told of the run that waits.
  const delivery = (await client.call('GET', `/v1/webhooks/deliveries?webhook_id=${String(webhook)}`)).body.items[0].delivery_id
  const { queue_revision } = await scene.pending(queue)
  const repair = (await client.call('POST', '/v1/reconcile')).body.id
  return { thread, run, dispatch, message, tool_call, queue, queue_revision, pending, key, webhook, delivery, repair }
}

/** The way to each kind of thing; the first that fits counts. A new kind of path needs a line here. */
const IDS: readonly [path: string, fill: (of: Samples) => Record<string, string>][] = [
  ['/v1/threads/:id/pending', ({ queue, pending }) => ({ id: queue, pid: pending })],
  ['/v1/threads/:id', ({ thread, message }) => ({ id: thread, mid: message })],
  ['/v1/runs/:id', ({ run }) => ({ id: run })],
  ['/v1/dispatches/:id', ({ dispatch }) => ({ id: dispatch })],
  ['/v1/keys/:id', ({ key }) => ({ id: key })],
  ['/v1/webhooks/:id', ({ webhook, delivery }) => ({ id: webhook, delivery_id: delivery })],
  ['/v1/reconcile/:id', ({ repair }) => ({ id: repair })],
  ['/v1/agents/:id', () => ({ id: 'default' })],
]

/** What stands for the parts of a route's path. */
export function idsIn(path: string, of: Samples): Record<string, string> {
  const found = IDS.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`))
  if (found === undefined) throw new Error(`${path}: say in test/http/support/samples.ts which thing it is about.`)
  return found[1](of)
}

/** The address of a route, about these things. */
export function addressOf(path: string, of: Samples): string {
  return path.replace(/:(\w+)/g, (_all, name: string) => {
    const value = idsIn(path, of)[name]
    if (value === undefined) throw new Error(`${path}: "${name}" has no sample in test/http/support/samples.ts.`)
    return encodeURIComponent(value)
  })
}

/** A body that the route takes, where it must have one. A new route with a body needs a line here. */
export const BODIES: Readonly<Record<string, (of: Samples) => object>> = {
  'POST /v1/threads': () => ({}),
  'PATCH /v1/threads/:id': () => ({ title: 't' }),
  'PATCH /v1/threads/:id/metadata': () => ({ title: 't' }),
  'POST /v1/runs': ({ thread }) => ({ agent_id: 'default', thread_id: thread, messages: [user('hi')] }),
  'POST /v1/runs/:id/inputs': () => ({ messages: [user('hi')] }),
  'POST /v1/threads/:id/messages': () => ({ messages: [user('hi')] }),
  'POST /v1/threads/:id/mailbox': () => ({ payload: 'hi' }),
  'PUT /v1/threads/:id/pending/order': ({ pending, queue_revision }) => ({
    pending_ids: [pending],
    expected_queue_revision: queue_revision,
  }),
  'PATCH /v1/threads/:id/pending/:pid': () => ({ content: 'other', expected_revision: 1 }),
  'DELETE /v1/threads/:id/pending/:pid': () => ({ expected_revision: 1 }),
  'POST /v1/runs/:id/decision': ({ tool_call }) => ({ tool_call_id: tool_call, action: 'resume' }),
  'POST /v1/threads/:id/decision': ({ tool_call }) => ({ tool_call_id: tool_call, action: 'resume' }),
  'POST /v1/threads/:id/fork': () => ({ at_message_seq: 1 }),
  'POST /v1/webhooks': () => ({ url: 'https://example.com/told' }),
  'POST /v1/keys': () => ({ name: 'n', role: 'reader' }),
}
