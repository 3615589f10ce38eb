import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EVENT_KINDS } from '../../src/events/schemas.ts'
import { createClient, expectProblem, type Client } from './support/client.ts'
import { openService, type BlackBox } from './support/service.ts'

let service: BlackBox
let client: Client
beforeAll(async () => {
  service = await openService()
  client = createClient(service.url)
}, 30_000)
afterAll(() => service.close())

describe('?kinds=', () => {
  it('picks events out of a list, page by page, with the cursors of the log', async () => {
    const { body: run } = await client.run('/tool get_weather {"city":"Oslo"}')
    await client.run('more', { thread_id: run.thread_id })
    for (const path of [`/v1/threads/${run.thread_id as string}/events`, `/v1/runs/${run.run_id as string}/events`]) {
      const { items: log } = (await client.call('GET', `${path}?limit=200`)).body
      const wanted = log.filter(({ kind }: any) => kind === 'MessageCommitted' || kind === 'RunFinished')
      const found: any[] = []
      for (let cursor = '', more = true; more;) {
        const { body } = await client.call('GET', `${path}?kinds=MessageCommitted,RunFinished&limit=2${cursor}`)
        found.push(...body.items)
        more = body.has_more
        cursor = `&cursor=${body.next_cursor as string}`
      }
      expect(found).toEqual(wanted)
      const none = await client.call('GET', `${path}?kinds=QueueParked`)
      expect(none.body).toMatchObject({ items: [], has_more: false })
      const rest = await client.call('GET', `${path}?cursor=${none.body.next_cursor as string}`)
      expect(rest.body.items).toEqual([])
    }
  })

  it('picks them out of a stream, which ends as ever', async () => {
    const { body: run } = await client.run('hi')
    const stream = await client.stream('GET', `/v1/threads/${run.thread_id as string}/events/stream?kinds=RunStarted,RunFinished`)
    await stream.until(({ kind }) => kind === 'RunFinished')
    const next = (await client.run('more', { thread_id: run.thread_id })).body
    await stream.until(({ kind, run_id }) => kind === 'RunFinished' && run_id === next.run_id)
    expect(stream.frames.map(({ data }) => data.kind)).toEqual(['RunStarted', 'RunFinished', 'RunStarted', 'RunFinished'])
    stream.close()
    const one = await client.stream('GET', `/v1/runs/${next.run_id as string}/events/stream?kinds=RunStarted`)
    expect((await one.all()).map(({ kind }) => kind)).toEqual(['RunStarted'])
    const after = { 'last-event-id': one.frames[0]?.id ?? '' }
    const again = await client.stream('GET', `/v1/runs/${next.run_id as string}/events/stream?kinds=RunStarted`, undefined, after)
    expect(await again.all()).toEqual([])
  })

  it('names the known kinds when it is given another', async () => {
    const { body: run } = await client.run('hi')
    for (const path of [`/v1/threads/${run.thread_id as string}/events`, `/v1/runs/${run.run_id as string}/events/stream`]) {
      const answer = await client.call('GET', `${path}?kinds=RunStarted,Runfinished`)
      expectProblem(answer, 400, 'invalid_request')
      expect(answer.body.detail).toContain('"Runfinished"')
      for (const kind of EVENT_KINDS) expect(answer.body.detail).toContain(kind)
    }
  })
})
