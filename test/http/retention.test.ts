import { afterAll, beforeAll, expect, it } from 'vitest'
import { repairThread } from '../../activities/repair-thread.ts'
import { createClient, expectProblem, type Client } from './support/client.ts'
import { startService, type Service } from './support/service.ts'
import { EMAIL, scenes, type Scene } from './support/threads.ts'

/** What clients see of a thread whose oldest events were dropped. */
let service: Service
let client: Client
let scene: Scene
beforeAll(async () => {
  // Logs whose beginning has been dropped.
  service = await startService(() => ({}), { made_up_logs: true })
  client = createClient(service.url)
  scene = scenes(client)
}, 60_000)
afterAll(() => service.close())

/** As if all events were too old by now. */
async function dropOld(): Promise<number> {
  const { events } = await service.store.repair.retain('default', { after: '', limit: 100, before: Date.now() + 60_000 })
  return events
}

it('drops the events of what is over, keeps all else, and tells every reader so', async () => {
  const id = await scene.thread()
  const done = (await scene.post(id, 'hello', {}, { id: 'read' })).body.run_id
  await scene.settled(done)
  const waits = (await scene.post(id, EMAIL)).body.run_id
  const { waiting } = await scene.settled(waits)
  await scene.post(id, 'later', { delivery: { boundary: 'new_run' } }, { id: 'taken-back' })
  const [{ revision }] = (await scene.pending(id)).items
  const taken = await client.call('DELETE', `/v1/threads/${id}/pending/taken-back?expected_revision=${revision}`)
  expect(taken.status).toBe(200)
  await scene.post(id, 'still waits', { delivery: { boundary: 'new_run' } }, { id: 'waits' })
  const path = `/v1/threads/${id}`
  const before = (await client.call('GET', `${path}/events?limit=200`)).body.items
  const first = before[0].cursor
  const messages = (await client.call('GET', `${path}/messages`)).body.messages
  const runs = (await client.call('GET', `${path}/runs`)).body.items
  expect(await scene.receipt(id, 'read')).toMatchObject({ state: 'consumed' })

  // The open run and what came after it stay.
  expect(await dropOld()).toBeGreaterThan(0)
  const open = before.findIndex((event: any) => event.run_id === waits)
  const kept = (await client.call('GET', `${path}/events?limit=200`)).body
  expect(kept.items).toEqual(before.slice(open))
  expect(await dropOld(), 'once').toBe(0)
  for (const address of [`${path}/events`, `${path}/events/stream`]) {
    const expired = await client.call('GET', `${address}?cursor=${encodeURIComponent(first)}`)
    expectProblem(expired, 410, 'cursor_expired')
    expect(expired.body).toMatchObject({ kept_from: open + 1 })
  }
  // The cursor right before the first kept event reaches it.
  const edge = await client.call('GET', `${path}/events?cursor=${encodeURIComponent(before[open - 1].cursor)}&limit=200`)
  expect(edge.body.items).toEqual(before.slice(open))

  // What stands in rows of its own is as it was.
  expect((await client.call('GET', `${path}/messages`)).body.messages).toEqual(messages)
  expect((await client.call('GET', `${path}/runs`)).body.items).toEqual(runs)
  expect(await scene.receipt(id, 'read')).toMatchObject({ state: 'consumed', run_id: done })
  expect(await scene.receipt(id, 'waits')).toMatchObject({ state: 'pending' })
  expect(await scene.receipt(id, 'taken-back')).toMatchObject({ state: 'retracted' })
  const ended = await (await client.stream('GET', `/v1/runs/${done}/stream`)).all()
  expect(ended.at(-1)).toMatchObject({ event_type: 'run_finish', result: { response: 'You said: hello' } })
  const log = await (await client.stream('GET', `/v1/runs/${done}/events/stream`)).all()
  expect(log).toEqual([])

  // A repair neither brings anything back nor calls it lost.
  const ref = { tenant: 'default', thread_id: id }
  expect(await repairThread(service, ref)).toEqual({})
  expect(await service.store.repair.listLost('default', { thread_id: id, limit: 10 })).toEqual([])

  // It goes on; once all of it is over, all of the log goes.
  const { tool_call_id } = waiting.tickets[0]
  await client.call('POST', `/v1/runs/${waits}/decision`, { tool_call_id, action: 'resume' })
  await scene.settled(waits)
  const { run_id: next } = await scene.receipt(id, 'waits')
  await scene.settled(next)
  await dropOld()
  const empty = (await client.call('GET', `${path}/events`)).body
  expect(empty).toMatchObject({ items: [], has_more: false })
  const receipt = await client.call('GET', `${path}/messages/taken-back/receipt`)
  expectProblem(receipt, 404, 'message_not_found')
  expect(receipt.body.detail).toContain('dropped for their age')
  expect(await repairThread(service, ref)).toEqual({})
  const after = (await scene.post(id, 'again')).body.run_id
  expect(await scene.settled(after)).toMatchObject({ final_output: 'You said: again' })
  const rest = (await client.call('GET', `${path}/events?limit=200`)).body.items
  expect(rest[0].event_seq).toBeGreaterThan(before.length)
})
