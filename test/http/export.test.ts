import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exportLine } from '../../src/http/schemas/export.ts'
import type { Store } from '../../src/store/store.ts'
import { checkLog } from '../support/check-log.ts'
import { createClient, expectProblem, type Client } from './support/client.ts'
import { startService, type Service } from './support/service.ts'

let service: Service
let client: Client
let duringExport: () => Promise<void> = () => Promise.resolve()
beforeAll(async () => {
  service = await startService(({ store }) => ({ store: { ...store, conversation: watched(store) } }))
  client = createClient(service.url)
})
afterAll(() => service.close())

/** Between the start of an export and its pages there is room for whatever a test wants to happen. */
function watched({ conversation }: Store): Store['conversation'] {
  return {
    ...conversation,
    exportStart: async (ref) => {
      const start = await conversation.exportStart(ref)
      await duringExport()
      return start
    },
  }
}

async function lines(id: string): Promise<any[]> {
  const response = await fetch(`${service.url}/v1/threads/${id}/export`)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('application/x-ndjson')
  const all = (await response.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  for (const line of all) expect(exportLine.safeParse(line).error?.issues).toBeUndefined()
  return all
}
const ofType = (all: any[], type: string): any[] =>
  all.filter((line) => line.type === type).map(({ type: _type, ...rest }) => rest)
async function listed(path: string, items = 'items'): Promise<any[]> {
  return (await client.call('GET', `${path}${path.includes('?') ? '&' : '?'}limit=200`)).body[items]
}

describe('an export', () => {
  it('has all of a thread, in order, as HTTP shows it', async () => {
    const id = 'whole'
    await client.run('one', { thread_id: id })
    const call = '/tool send_email {"to":"a@example.org","subject":"s","body":"b"}'
    await client.run(call, { thread_id: id })
    // Waits behind the run that waits.
    const queued = { messages: [{ role: 'user', content: 'x' }], delivery: { boundary: 'new_run' } }
    expect((await client.call('POST', `/v1/threads/${id}/messages`, queued)).body).toMatchObject({ status: 'queued' })
    const all = await lines(id)
    const thread = (await client.call('GET', `/v1/threads/${id}`)).body
    expect(all[0]).toEqual({ type: 'thread', format: 'weft-export/1', last_seq: thread.last_event_seq, thread })
    const order = [...new Set(all.map(({ type }) => type))]
    expect(order).toEqual(['thread', 'message', 'run', 'dispatch', 'event', 'pending', 'end'])
    expect(ofType(all, 'message')).toEqual(await listed(`/v1/threads/${id}/messages?visibility=all`, 'messages'))
    expect(ofType(all, 'run')).toEqual((await listed(`/v1/threads/${id}/runs`)).reverse())
    expect(ofType(all, 'event')).toEqual(await listed(`/v1/threads/${id}/events`))
    expect(ofType(all, 'pending')).toEqual((await client.call('GET', `/v1/threads/${id}/pending`)).body.items)
    checkLog(ofType(all, 'event'))
    const count = (type: string): number => ofType(all, type).length
    expect(all.at(-1)).toEqual({
      type: 'end',
      last_seq: thread.last_event_seq,
      counts: {
        messages: count('message'),
        runs: count('run'),
        dispatches: count('dispatch'),
        events: count('event'),
        pending: count('pending'),
      },
    })
  })

  it('of a fork has the history that it began with, and says whose it is', async () => {
    for (const text of ['a', 'b']) await client.run(text, { thread_id: 'parent' })
    await client.call('POST', '/v1/threads/parent/fork', { id: 'child', at_message_seq: 2 })
    await client.run('own', { thread_id: 'child' })
    const check = async (): Promise<void> => {
      const all = await lines('child')
      expect(all[0].thread.forked_from).toEqual({ thread_id: 'parent', at_message_seq: 2 })
      expect(ofType(all, 'event')[0]).toMatchObject({ kind: 'ThreadForked', payload: { parent_thread_id: 'parent' } })
      expect(ofType(all, 'message').map(({ content, thread_id, message_seq }) => [message_seq, content, thread_id])).toEqual([
        [1, 'a', 'child'],
        [2, 'You said: a', 'child'],
        [3, 'own', 'child'],
        [4, 'You said: own', 'child'],
      ])
      expect(all.at(-1).counts).toEqual({ messages: 4, runs: 1, dispatches: 1, events: 9, pending: 0 })
    }
    await check()
    await client.call('DELETE', '/v1/threads/parent')
    await check()
  })

  it('of more than one page is of the moment it began, whatever happens meanwhile', async () => {
    const id = 'long'
    for (let n = 0; n < 60; n++) await client.run(String(n), { thread_id: id })
    const waiting = (await client.run('/tool send_email {"to":"a@example.org","subject":"s","body":"b"}', { thread_id: id })).body
    expect(waiting.status).toBe('waiting')
    duringExport = async () => {
      duringExport = () => Promise.resolve()
      await client.call('POST', `/v1/runs/${waiting.run_id as string}/cancel?wait=true`)
      await client.run('not in it', { thread_id: id })
    }
    const all = await lines(id)
    const end = all.at(-1)
    expect(end.counts).toMatchObject({ messages: 122, runs: 61, dispatches: 61, pending: 0 })
    expect(ofType(all, 'message').map(({ message_seq }) => message_seq)).toEqual(Array.from({ length: 122 }, (_, n) => n + 1))
    expect(ofType(all, 'event').map(({ event_seq }) => event_seq)).toEqual(Array.from({ length: end.last_seq }, (_, n) => n + 1))
    expect(ofType(all, 'run').at(-1)).toEqual(waiting)
    expect(JSON.stringify(all)).not.toContain('not in it')
    const after = await lines(id)
    expect(after.at(-1).counts.runs).toBe(62)
    expect(new Set(ofType(after, 'run').map(({ run_id }) => run_id)).size).toBe(62)
  }, 60_000)

  it('that cannot be completed ends without its end', async () => {
    await client.run('x', { thread_id: 'goes' })
    duringExport = async () => {
      duringExport = () => Promise.resolve()
      await client.call('DELETE', '/v1/threads/goes')
    }
    const response = await fetch(`${service.url}/v1/threads/goes/export`)
    await expect(response.text()).rejects.toThrow('terminated')
    expectProblem(await client.call('GET', '/v1/threads/goes/export'), 410, 'thread_deleted')
    expectProblem(await client.call('GET', '/v1/threads/nobody/export'), 404, 'thread_not_found')
    const head = await fetch(`${service.url}/v1/threads/long/export`, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'application/x-ndjson'])
  })
})
