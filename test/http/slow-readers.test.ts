import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LiveBus } from '../../src/live/bus.ts'
import { createClient, expectProblem, type Client } from './support/client.ts'
import { startService, type Service } from './support/service.ts'

/** Lets through what a test wants; the façade's side only, so that the engine itself works as ever. */
let passes: (type: string) => boolean = () => true
let service: Service
let client: Client
beforeAll(async () => {
  service = await startService(({ bus }) => ({
    bus: lossy(bus),
    limits: { poll_ms: 150, streams: 4, heartbeat_ms: 100, stall_ms: 1_500 },
  }))
  client = createClient(service.url)
})
afterAll(() => service.close())

function lossy(bus: LiveBus): LiveBus {
  return {
    publish: (tenant, frame) => {
      bus.publish(tenant, frame)
    },
    subscribe: (tenant, thread_id, listener) =>
      bus.subscribe(tenant, thread_id, (frame) => {
        if (passes(frame.type)) listener(frame)
      }),
    close: () => bus.close(),
  }
}
const submit = (content: string) => ({ agent_id: 'default', messages: [{ role: 'user', content }] })
const text = (frames: any[]): string => frames.map(({ event_type, delta }) => (event_type === 'text_delta' ? delta : '')).join('')

describe('a stream whose notifications are lost', () => {
  it('loses nothing but time', async () => {
    let n = 0
    for (const [name, filter] of Object.entries({
      all: () => false,
      deltas: (type: string) => type === 'events',
      events: (type: string) => type !== 'events',
      some: () => (n += 1) % 3 !== 0,
    })) {
      passes = filter
      const frames = await (await client.stream('POST', '/v1/runs', submit('/slow 200 one two three four five six'))).all()
      passes = () => true
      expect(frames.at(-1), name).toMatchObject({ event_type: 'run_finish', termination: { type: 'natural_end' } })
      expect(text(frames), name).toBe(frames.at(-1).result.response)
      expect(
        frames.map(({ event_type }) => event_type).filter((kind) => kind === 'step_start' || kind === 'inference_complete'),
        name,
      ).toHaveLength(2)
    }
  })
})

describe('streams', () => {
  it('stay open with comments while nothing happens, and end when the thread is deleted', async () => {
    const { body: thread } = await client.call('POST', '/v1/threads', {})
    const raw: string[] = []
    const response = await fetch(`${service.url}/v1/threads/${thread.id as string}/events/stream`)
    const reading = (async () => {
      const decoder = new TextDecoder()
      for await (const chunk of response.body ?? []) raw.push(decoder.decode(chunk))
    })()
    await client.call('POST', `/v1/threads/${thread.id as string}/messages`, { messages: [{ role: 'user', content: 'x' }] })
    await new Promise((resolve) => setTimeout(resolve, 250))
    expect(raw.join('')).toMatch(/^: .*\n\n/m)
    await client.call('DELETE', `/v1/threads/${thread.id as string}`)
    await reading
  })

  it('are limited in number', async () => {
    const { body: thread } = await client.call('POST', '/v1/threads', {})
    const path = `/v1/threads/${thread.id as string}/events/stream`
    const open = await Promise.all(Array.from({ length: 4 }, () => client.stream('GET', path)))
    const refused = await client.call('GET', path)
    expectProblem(refused, 429, 'too_many_streams')
    expect(refused.headers.get('retry-after')).toBe('5')
    expectProblem(await client.call('POST', '/v1/runs', submit('x'), { accept: 'text/event-stream' }), 429, 'too_many_streams')
    for (const stream of open) stream.close()
    await expect.poll(async () => (await client.run('x')).status, { timeout: 20_000 }).toBe(200)
    await expect.poll(async () => (await client.stream('GET', path)).response.status, { timeout: 20_000 }).toBe(200)
  })

  it('that nobody reads are cut off, and slow down no run', async () => {
    const { body: thread } = await client.call('POST', '/v1/threads', { id: 'stalled' })
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1')
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => undefined)
    socket.write(`GET /v1/threads/${thread.id as string}/events/stream HTTP/1.1\r\nHost: x\r\n\r\n`)
    await new Promise((resolve) => socket.once('readable', resolve))
    const long = 'x'.repeat(200_000)
    for (let n = 0; n < 12; n++) expect((await client.run(long, { thread_id: thread.id })).body.status).toBe('done')
    const began = Date.now()
    while (Date.now() - began < 2_500) await new Promise((resolve) => setTimeout(resolve, 100))
    socket.resume()
    await closed
  }, 40_000)
})
