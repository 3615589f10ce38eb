import { afterAll, beforeAll, expect, it } from 'vitest'
import { expectProblem } from '../support/client.ts'
import { startGuarded, type Guarded } from '../support/guarded.ts'
import { scenes } from '../support/threads.ts'

const SLOW = { role: 'user', content: '/slow 2000\none two three' }

let service: Guarded
beforeAll(async () => {
  service = await startGuarded({}, { limits: { streams: 6, streams_per_tenant: 3 } })
}, 60_000)
afterAll(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

it('a tenant has so many streams in a process, whoever of it opens them, and takes none from another', async () => {
  const [one, two, other] = [
    service.as((await service.key('user', { tenant: 'acme' })).headers),
    service.as((await service.key('reader', { tenant: 'acme' })).headers),
    service.as((await service.key('user', { tenant: 'umbrella' })).headers),
  ]
  const path = `/v1/threads/${await scenes(one).thread()}/events/stream`
  const open = await Promise.all([one, one, two].map((client) => client.stream('GET', path)))
  const refused = await one.call('GET', path)
  expectProblem(refused, 429, 'too_many_streams')
  expect(refused.headers.get('retry-after')).toBe('5')
  expect(refused.body.detail).toContain('tenant')
  expectProblem(await two.call('GET', path.replace('/events/stream', '/stream')), 429, 'too_many_streams')
  // Nothing is done for a run that cannot be followed.
  const body = { agent_id: 'default', thread_id: 'none', messages: [{ role: 'user', content: 'x' }] }
  expectProblem(await one.call('POST', '/v1/runs', body, { accept: 'text/event-stream' }), 429, 'too_many_streams')
  expectProblem(await one.call('GET', '/v1/threads/none'), 404, 'thread_not_found')

  const theirs = `/v1/threads/${await scenes(other).thread()}/events/stream`
  const others = await Promise.all([1, 2, 3].map(() => other.stream('GET', theirs)))
  expect(others.map(({ response }) => response.status)).toEqual([200, 200, 200])
  // The process is full as well now.
  const third = service.as((await service.key('user', { tenant: 'third' })).headers)
  const full = await third.call('GET', `/v1/threads/${await scenes(third).thread()}/events/stream`)
  expectProblem(full, 429, 'too_many_streams')
  expect(full.body.detail).toContain('service')

  for (const stream of [...open, ...others]) stream.close()
  await expect.poll(async () => (await one.stream('GET', path)).response.status).toBe(200)
})

it('of runs that are submitted at once not more are followed either', async () => {
  const own = await startGuarded({}, { limits: { streams_per_tenant: 3 } })
  try {
    const one = own.as((await own.key('user', { tenant: 'acme' })).headers)
    const threads = await Promise.all([1, 2, 3, 4, 5, 6].map(() => scenes(one).thread()))
    const streams = await Promise.all(
      threads.map((thread_id) => one.stream('POST', '/v1/runs', { agent_id: 'default', thread_id, messages: [SLOW] })),
    )
    expect(streams.map(({ response }) => response.status).sort()).toEqual([200, 200, 200, 429, 429, 429])
    for (const stream of streams) stream.close()
  } finally {
    await own.close()
  }
})
