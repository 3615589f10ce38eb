import { expect } from 'vitest'
import type { Answered } from '../../http/support/client.ts'
import type { Weft } from '../support/weft.ts'
import type { Command } from './story.ts'
import { bodyOf, type Way } from './way.ts'

/** Requests of the API. What needs a revision looks first and sends back the tag that it got. */
export const byHttp: Way = {
  name: 'over HTTP',
  origin: 'http',
  async begin(weft, thread, first) {
    expect((await weft.client.call('POST', '/v1/threads', { id: thread })).status).toBe(201)
    await byHttp.send(weft, thread, first)
  },
  async send(weft, thread, command) {
    const answer = await request(weft, `/v1/threads/${thread}`, command)
    expect([200, 202], JSON.stringify({ command, answer: answer.body })).toContain(answer.status)
  },
}

async function request({ client }: Weft, thread: string, command: Command): Promise<Answered> {
  const tagged = async (path: string) => ({ 'if-match': (await client.call('GET', path)).headers.get('etag') ?? '' })
  switch (command.do) {
    case 'submit':
      return client.call('POST', `${thread}/messages`, bodyOf(command))
    case 'edit': {
      const path = `${thread}/pending/${command.id}`
      return client.call('PATCH', path, { content: command.text }, await tagged(path))
    }
    case 'retract': {
      const path = `${thread}/pending/${command.id}`
      return client.call('DELETE', path, undefined, await tagged(path))
    }
    case 'reorder':
      return client.call('PUT', `${thread}/pending/order`, { pending_ids: command.ids }, await tagged(`${thread}/pending`))
    case 'hold':
    case 'release':
      return client.call('POST', `${thread}/pending/${command.id}/${command.do}`)
    case 'interrupt':
      return client.call('POST', `${thread}/interrupt`, { queue: command.queue })
    case 'resume_queue':
      return client.call('POST', `${thread}/queue/resume`)
    case 'decide': {
      const { body } = await client.call('GET', `${thread}/runs/active`)
      const ticket = body.active_run.waiting.tickets.find((one: any) => JSON.stringify(one.arguments).includes(command.about))
      const { action, reason } = command
      return client.call('POST', `${thread}/decision`, { tool_call_id: ticket.tool_call_id, action, reason })
    }
  }
}
