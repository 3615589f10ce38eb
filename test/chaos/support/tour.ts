import type { Sender, Sent } from './sender.ts'

const SLOW = '/slow 60000\none two three four five six'

/**
 * One client's way past every port: runs, tools, a decision with edited arguments, the queue and its edits, an
 * interrupt, a fork and its deletion, and every read. The same commands each time, whatever dies meanwhile.
 */
export async function tour(sender: Sender, thread_id: string): Promise<void> {
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

  await send('create', 'POST', '/v1/threads', { id: thread_id })
  await run('/tool remember {"key":"city","value":"Oslo"}')
  const asked = await run('/tool send_email {"to":"a@example.org","subject":"s"}')
  const tool_call_id = asked.reply?.body?.waiting?.tickets?.[0]?.tool_call_id ?? 'none'
  const edited_args = { to: 'b@example.org', subject: 't' }
  await send('decide', 'POST', `${path}/decision`, { tool_call_id, action: 'resume', payload: { approved: true, edited_args } })
  await sender.read(`/v1/runs/${String(asked.reply?.body?.run_id)}/wait?timeout_ms=2000`)
  await queue(SLOW)
  const id = `${thread_id}-later`
  await queue('later', { id })
  await queue('never', { id: `${thread_id}-never` })
  const { token, content } = message('reworded')
  await send('edit', 'PATCH', `${path}/pending/${id}`, { content, expected_revision: 1 }, token)
  await send('retract', 'DELETE', `${path}/pending/${thread_id}-never?expected_revision=1`)
  const reads = [
    '',
    '/pending',
    `/pending/${id}`,
    '/messages',
    '/events',
    '/runs',
    '/runs/active',
    '/runs/latest',
    '/state',
    '/export',
  ]
  for (const read of reads) await sender.read(path + read)
  for (const read of ['/inbox', '/threads?limit=1', '/dispatches', '/runs?limit=1']) await sender.read(`/v1${read}`)
  await send('interrupt', 'POST', `${path}/interrupt`, { queue: 'keep' })
  await sender.read(`${path}/messages/${id}/receipt`)
  await sender.change('PATCH', path, { title: 'A tour' })
  await sender.change('POST', `${path}/fork`, { at_message_seq: 1, id: `${thread_id}-fork` })
  await sender.change('DELETE', `${path}-fork`)
}
