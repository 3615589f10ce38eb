import { describe, expect, it } from 'vitest'
import { client, scene } from './support/black-box.ts'
import { expectProblem } from './support/client.ts'
import { expectAnswer } from './support/contract.ts'
import { user } from './support/threads.ts'

const REQUEUE = 'POST /v1/dispatches/:id/requeue'
/** A run that has failed for good, with what it was given. */
async function dead(messages: object[], more: object): Promise<any> {
  const { body } = await client.call('POST', `/v1/threads/${await scene.thread()}/messages`, { messages, ...more })
  return await scene.settled(body.run_id)
}

describe('a dead letter', () => {
  it('is run again with the same input, once', async () => {
    const failing = user('/fail 9 400\nplease', { metadata: { from: 'form' } })
    const more = { overrides: { max_steps: 3 }, metadata: { order: 7 } }
    const old = await dead([user('first'), failing], more)
    expect(old).toMatchObject({ status: 'done', termination: { type: 'error' } })
    const shown = await client.call('GET', `/v1/dispatches/${old.dispatch_id as string}`)
    expect(expectAnswer(shown, 'GET /v1/dispatches/:id', 200)).toMatchObject({ status: 'dead_letter', run_id: old.run_id })

    const path = `/v1/dispatches/${old.dispatch_id as string}/requeue`
    const answer = expectAnswer(await client.call('POST', path), REQUEUE, 202)
    expect(answer).toMatchObject({ status: 'running', thread_id: old.thread_id, retry_of: old.run_id })
    expect(answer.run_id).not.toBe(old.run_id)
    for (const headers of [{}, { 'Idempotency-Key': 'again' }] as Record<string, string>[])
      expect(expectAnswer(await client.call('POST', path, {}, headers), REQUEUE, 202)).toEqual(answer)

    const run = await scene.settled(answer.run_id)
    const { agent_id, overrides, metadata } = old
    expect(run).toMatchObject({ retry_of: old.run_id, agent_id, overrides, metadata })
    const of = async (run_id: string): Promise<any[]> =>
      (await client.call('GET', `/v1/threads/${old.thread_id as string}/messages?visibility=all&run_id=${run_id}`)).body.messages
    const input = (messages: any[]): any[] =>
      messages.flatMap(({ role, content, metadata: meta }: any) => (role === 'user' ? [{ role, content, meta }] : []))
    expect(input(await of(run.run_id))).toEqual(input(await of(old.run_id)))
    expect(new Set((await of(run.run_id)).map(({ visibility }: any) => visibility))).not.toContain('external')
    expect((await client.call('GET', `/v1/threads/${old.thread_id as string}/runs`)).body.total).toBe(2)
  }, 60_000)

  it('is what its dispatch must be', async () => {
    const { run_id, dispatch_id } = await scene.start('hello')
    await scene.settled(run_id)
    const answer = await client.call('POST', `/v1/dispatches/${dispatch_id as string}/requeue`)
    expectProblem(answer, 409, 'not_dead_letter')
    expect(answer.body).toMatchObject({ detail: expect.stringContaining('acked'), dispatch_id })
    for (const id of ['nobody', 'a%20b', run_id as string]) {
      expectProblem(await client.call('POST', `/v1/dispatches/${id}/requeue`), 404, 'dispatch_not_found')
      expectProblem(await client.call('GET', `/v1/dispatches/${id}`), 404, 'dispatch_not_found')
    }
  })
})
