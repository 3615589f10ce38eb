import type { Client } from './client.ts'

/** Threads in the states that tests begin with. */

export const EMAIL = '/tool send_email {"to":"a@b.c","subject":"s","body":"b"}'
export const user = (content: unknown, more: object = {}) => ({ role: 'user', content, ...more })

export type Scene = ReturnType<typeof scenes>

export function scenes(client: Client) {
  const settled = async (run_id: string): Promise<any> =>
    (await client.call('GET', `/v1/runs/${run_id}/wait?timeout_ms=20000`)).body
  const thread = async (): Promise<string> => (await client.call('POST', '/v1/threads', {})).body.id
  const post = (id: string, content: string, more: object = {}, message: object = {}) =>
    client.call('POST', `/v1/threads/${id}/messages`, { messages: [user(content, message)], ...more })
  return {
    settled,
    thread,
    post,
    receipt: async (id: string, message_id: string): Promise<any> =>
      (await client.call('GET', `/v1/threads/${id}/messages/${message_id}/receipt`)).body,
    pending: async (id: string): Promise<any> => (await client.call('GET', `/v1/threads/${id}/pending`)).body,
    /** A thread whose run does this; the submit's answer. */
    start: async (content: string): Promise<any> => (await post(await thread(), content)).body,
    /** The record of a run that waits for a decision. */
    waiting: async (content = EMAIL): Promise<any> => await settled((await post(await thread(), content)).body.run_id),
  }
}
