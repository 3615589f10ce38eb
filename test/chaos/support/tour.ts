import { ROUTE_ROLES } from '../../../src/http/roles.ts'
import { addressOf, type Samples } from '../../http/support/samples.ts'
import type { Sender, Sent } from './sender.ts'

const SLOW = '/slow 60000\none two three four five six'
const REPAIRED_WITHIN_MS = 100_000
const TRIED_WITHIN_MS = 30_000

/**
 * One client's way past every port: runs, tools, a decision with edited arguments, the queue and its edits, an
 * interrupt, a fork and its deletion, webhooks, and every read. The same commands each time, whatever dies meanwhile.
 */
export async function tour(sender: Sender, thread_id: string, receiver: { url: string }): Promise<void> {
  const path = `/v1/threads/${thread_id}`
  let count = 0
  const message = (text: string): { role: string; content: string; token: string } => {
    const token = `«${thread_id}:${String(++count)}»`
    return { role: 'user', content: `${text}\n${token}`, token }
  }
  const send = (kind: Sent['kind'], method: string, to: string, body?: unknown, token?: string): Promise<Sent> =>
    sender.send({ kind, thread_id, method, path: to, body, ...(token === undefined ? {} : { token }) })
  const run = (text: string): Promise<Sent> => {
    const { token, ...said } = message(text)
    return send('submit', 'POST', '/v1/runs', { agent_id: 'default', thread_id, messages: [said] }, token)
  }
  const queue = (text: string, more: object = {}): Promise<Sent> => {
    const { token, ...said } = message(text)
    return send('queue', 'POST', `${path}/messages`, { messages: [{ ...said, ...more }] }, token)
  }

  await makeByRun(sender, `${thread_id}-made`)
  await send('create', 'POST', '/v1/threads', { id: thread_id })
  // Its time is up when the repair comes by.
  await sender.change('POST', '/v1/threads', { id: `${thread_id}-passing`, expires_after_s: 1 })
  const webhook = (await sender.change('POST', '/v1/webhooks', { url: receiver.url }))?.id
  await run('/tool remember {"key":"city","value":"Oslo"}')
  const asked = await run('/tool send_email {"to":"a@example.org","subject":"s"}')
  const tool_call_id = asked.reply?.body?.waiting?.tickets?.[0]?.tool_call_id ?? 'none'
  const edited_args = { to: 'b@example.org', subject: 't' }
  await send('decide', 'POST', `${path}/decision`, { tool_call_id, action: 'resume', payload: { approved: true, edited_args } })
  await sender.read(`/v1/runs/${String(asked.reply?.body?.run_id)}/wait?timeout_ms=2000`)
  const slow = await queue(SLOW)
  const id = `${thread_id}-later`
  await queue('later', { id })
  await queue('never', { id: `${thread_id}-never` })
  const { token, content } = message('reworded')
  await send('edit', 'PATCH', `${path}/pending/${id}`, { content, expected_revision: 1 }, token)
  await send('retract', 'DELETE', `${path}/pending/${thread_id}-never?expected_revision=1`)
  const { run_id: slow_run, dispatch_id: dispatch } = slow.reply?.body ?? {}
  const samples = {
    ...{ thread: thread_id, queue: thread_id, queue_revision: 0, tool_call: tool_call_id },
    ...{ run: String(slow_run), dispatch: String(dispatch), message: id, pending: id },
    ...{ key: 'none', webhook: String(webhook), delivery: 'none', repair: 'none' },
  }
  await readEverything(sender, samples)
  await send('interrupt', 'POST', `${path}/interrupt`, { queue: 'keep' })
  await sender.read(`/v1/runs/${String(slow_run)}/wait?timeout_ms=2000`)
  // What is told to late editors, to late readers, and to who asks for what is not there.
  await sender.change('PATCH', `${path}/pending/${id}`, { content: 'too late', expected_revision: 2 })
  await sender.change('POST', '/v1/runs/nothing/cancel')
  await sender.glance(`${path}/messages/${id}/receipt`)
  await sender.glance(`${path}/stream`, { 'last-event-id': (await sender.read(`${path}/events?limit=4`))?.next_cursor ?? '' })
  const failing = { agent_id: 'default', thread_id, messages: [{ role: 'user', content: '/fail 9 400' }] }
  const failed = await sender.change('POST', '/v1/runs', failing)
  await sender.change('POST', `/v1/dispatches/${String(failed?.dispatch_id)}/requeue`)
  await sender.change('PATCH', path, { title: 'A tour' })
  await sender.change('POST', `${path}/stream-tokens`, {})
  await sender.change('POST', `${path}/fork`, { at_message_seq: 1, id: `${thread_id}-fork` })
  // It has a log to load, which threads that begin here have not.
  await sender.change('POST', `${path}-fork/messages`, { messages: [{ role: 'user', content: 'hello' }] })
  await sender.change('DELETE', `${path}-fork`)
  await sender.change('POST', `/v1/webhooks/${String(webhook)}/enable`)
  const told = (await sender.read(`/v1/webhooks/deliveries?webhook_id=${String(webhook)}`))?.items?.[0]?.delivery_id
  await sender.change('POST', `/v1/webhooks/${String(webhook)}/deliveries/${encodeURIComponent(String(told))}/retry`)
}

/** A thread that is made by its first run. */
async function makeByRun(sender: Sender, thread_id: string): Promise<void> {
  const token = `«${thread_id}:first»`
  const body = { agent_id: 'default', thread_id, messages: [{ role: 'user', content: `hello\n${token}` }] }
  await sender.send({ kind: 'submit', thread_id, method: 'POST', path: '/v1/runs', body, token })
}

/** A webhook that nobody answers, and that is taken away while it is still to be told something. */
export async function unheard(sender: Sender, thread_id: string): Promise<void> {
  const webhook = (await sender.change('POST', '/v1/webhooks', { url: 'http://127.0.0.1:9/nobody' }))?.id
  await sender.change('POST', `/v1/threads/${thread_id}/mailbox`, { payload: 'unheard' })
  // Without a first try nobody would come by to find that it is gone.
  for (const deadline = Date.now() + TRIED_WITHIN_MS; Date.now() < deadline;) {
    if ((await sender.read(`/v1/webhooks/${String(webhook)}`))?.last_failed_at != null) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  await sender.change('DELETE', `/v1/webhooks/${String(webhook)}`)
}

/** A thread that waits for a person; the answer to who asks it. */
export async function waitForPerson(sender: Sender, thread_id: string): Promise<() => Promise<void>> {
  const token = `«${thread_id}:waits»`
  const messages = [{ role: 'user', content: `/tool send_email {"to":"c@example.org","subject":"u"}\n${token}` }]
  const body = { agent_id: 'default', thread_id, messages }
  const asked = await sender.send({ kind: 'submit', thread_id, method: 'POST', path: '/v1/runs', body, token })
  const tool_call_id = asked.reply?.body?.waiting?.tickets?.[0]?.tool_call_id ?? 'none'
  return async () => {
    const path = `/v1/threads/${thread_id}/decision`
    await sender.send({ kind: 'decide', thread_id, method: 'POST', path, body: { tool_call_id, action: 'cancel' } })
  }
}

/** A repair of the one thread, to its end; a worker that dies in it is missed after a minute. */
export async function repair(sender: Sender, thread_id: string): Promise<void> {
  const deadline = Date.now() + REPAIRED_WITHIN_MS
  const started = await sender.change('POST', '/v1/reconcile', { thread_id })
  while (Date.now() < deadline) {
    if ((await sender.read(`/v1/reconcile/${String(started?.id)}`))?.status !== 'running') return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('The repair did not end.')
}

/** Keys come last, since from the first one on everybody needs one. One whose text was lost with its maker opens nothing. */
export async function keys(sender: Sender): Promise<void> {
  const made = await sender.glance('/v1/keys', {}, 'POST', { name: 'last', role: 'operator' })
  if (made?.status !== 201) return
  const headers = { authorization: `Bearer ${String(made.body.key)}` }
  await sender.glance('/v1/keys', headers)
  await sender.glance(`/v1/keys/${String(made.body.id)}`, headers, 'DELETE')
}

/** Every route that reads, as the service's own table has them. */
async function readEverything(sender: Sender, samples: Samples): Promise<void> {
  for (const route of Object.keys(ROUTE_ROLES)) {
    const [method, path = ''] = route.split(' ')
    if (method !== 'GET') continue
    await sender.glance(addressOf(path, samples) + (path.endsWith('/wait') ? '?timeout_ms=1' : ''))
  }
}
