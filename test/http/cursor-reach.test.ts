import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventCursor } from '../../src/http/cursors.ts'
import { createClient, expectProblem, type Client } from './support/client.ts'
import { startService, type Service } from './support/service.ts'

let service: Service
let client: Client
let thread: string
let run: string
beforeAll(async () => {
  service = await startService()
  client = createClient(service.url)
  const { body } = await client.run('hi')
  ;({ thread_id: thread, run_id: run } = body)
})
afterAll(() => service.close())

const streams = (): [path: string, scope: string][] => [
  [`/v1/runs/${run}/stream`, `run:${run}`],
  [`/v1/runs/${run}/events/stream`, `run:${run}`],
  [`/v1/threads/${thread}/stream`, `thread:${thread}`],
  [`/v1/threads/${thread}/events/stream`, `thread:${thread}`],
]

it('every stream answers 410 to a cursor that the log does not reach, by header and by query', async () => {
  for (const [path, scope] of streams()) {
    const cursor = eventCursor(scope, 10_000)
    expectProblem(await client.call('GET', path, undefined, { 'last-event-id': cursor }), 410, 'cursor_expired')
    expectProblem(await client.call('GET', `${path}?cursor=${cursor}`), 410, 'cursor_expired')
  }
})

it('every stream and list answers 410 to a cursor whose number has gone to another event, as after a restored backup', async () => {
  const lists = [`/v1/runs/${run}/events`, `/v1/threads/${thread}/events`]
  for (const [path, scope] of [...streams(), ...lists.map((path) => [path, path.slice(4, -7).replace('s/', ':')] as const)]) {
    const cursor = eventCursor(scope, 3, 12_345)
    expectProblem(await client.call('GET', `${path}?cursor=${cursor}`), 410, 'cursor_expired')
  }
})

it('every stream answers 400 to a cursor that is cut, changed or of another stream', async () => {
  for (const [path, scope] of streams()) {
    const good = eventCursor(scope, 1)
    const foreign = eventCursor(scope.startsWith('run') ? `thread:${thread}` : `run:${run}`, 1)
    for (const cursor of [good.slice(1), good.slice(0, -2), `${good}A`, foreign, 'nonsense'])
      expectProblem(await client.call('GET', path, undefined, { 'last-event-id': cursor }), 400, 'invalid_cursor')
  }
})

it('the header counts more than the query, as browsers send both', async () => {
  const path = `/v1/runs/${run}/events/stream?cursor=nonsense`
  const stream = await client.stream('GET', path, undefined, { 'last-event-id': eventCursor(`run:${run}`, 1) })
  expect((await stream.all())[0]).toMatchObject({ event_seq: 2 })
})
