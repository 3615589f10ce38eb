import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient, expectProblem, type Client, type Stream } from './support/client.ts'
import { startService, type Service } from './support/service.ts'
import { EMAIL, scenes, type Scene } from './support/threads.ts'

let service: Service
let client: Client
let scene: Scene
beforeAll(async () => {
  service = await startService(() => ({ limits: { poll_ms: 200, heartbeat_ms: 100 } }))
  client = createClient(service.url)
  scene = scenes(client)
}, 30_000)
afterAll(() => service.close())

const ofRun =
  (run_id: string, type: string) =>
  (data: any): boolean =>
    data.run_id === run_id && data.event_type === type
const textOf = (stream: Stream, run_id: string): string =>
  stream.frames.reduce((text, { data }) => {
    if (data.run_id !== run_id) return text
    if (data.event_type === 'step_start') return ''
    return data.event_type === 'text_delta' ? text + (data.delta as string) : text
  }, '')
const watch = (thread_id: string, query = '', headers: Record<string, string> = {}): Promise<Stream> =>
  client.stream('GET', `/v1/threads/${thread_id}/stream${query}`, undefined, headers)
const kinds = (stream: Stream): string[] => stream.frames.map(({ data }) => data.event_type)

describe('GET /v1/threads/:id/stream', () => {
  it('shows run after run, each frame with its run, and stays open between them', async () => {
    const thread_id = await scene.thread()
    const stream = await watch(thread_id)
    const runs: string[] = []
    for (const content of ['one', 'two three']) {
      const { run_id } = (await scene.post(thread_id, content)).body
      await stream.until(ofRun(run_id, 'run_finish'))
      expect(textOf(stream, run_id)).toBe(`You said: ${content}`)
      runs.push(run_id)
    }
    expect(new Set(stream.frames.map(({ data }) => data.run_id))).toEqual(new Set(runs))
    expect(kinds(stream).filter((kind) => !kind.endsWith('_delta'))).toEqual(
      [0, 1].flatMap(() => ['run_start', 'step_start', 'inference_complete', 'step_end', 'run_finish']),
    )
    stream.close()
  })

  it('brings who joins late the open step so far, and nothing of what is over', async () => {
    const thread_id = await scene.thread()
    const before = (await scene.post(thread_id, 'over')).body.run_id
    await scene.settled(before)
    const first = await watch(thread_id)
    const { run_id } = (await scene.post(thread_id, '/slow 2000\none two three four five six')).body
    await first.until(() => textOf(first, run_id).includes('two'))
    const late = await watch(thread_id)
    await late.until(ofRun(run_id, 'text_delta'))
    expect(kinds(late).slice(0, 2)).toEqual(['run_start', 'step_start'])
    expect(textOf(late, run_id)).toContain('two')
    await late.until(ofRun(run_id, 'run_finish'))
    expect(textOf(late, run_id)).toBe('You said: one two three four five six')
    expect(late.frames.some(({ data }) => data.run_id === before)).toBe(false)
    const all = await watch(thread_id, '?from=start')
    await all.until(ofRun(run_id, 'run_finish'))
    expect([textOf(all, before), textOf(all, run_id)]).toEqual(['You said: over', textOf(late, run_id)])
    for (const stream of [first, late, all]) stream.close()
  })

  it('goes on behind any cursor that it or the log has given', async () => {
    const thread_id = await scene.thread()
    const runs: string[] = []
    for (const content of ['/tool get_weather {"city":"Oslo"}', '/fail 1 503\nagain', 'plain']) {
      const { run_id } = (await scene.post(thread_id, content)).body
      await scene.settled(run_id)
      runs.push(run_id)
    }
    const all = await watch(thread_id, '?from=start')
    await all.until(ofRun(runs[2] ?? '', 'run_finish'))
    all.close()
    const log = (await client.call('GET', `/v1/threads/${thread_id}/events?limit=200`)).body.items
    const told = all.frames.flatMap(({ id }, index) => (id === undefined || id === '' ? [] : [{ id, index }]))
    expect(new Set(told.map(({ id }) => id)).size).toBe(told.length)
    for (const { id, index } of told.slice(0, -1)) {
      expect(log.map(({ cursor }: any) => cursor)).toContain(id)
      const rest = await watch(thread_id, '', { 'last-event-id': id })
      await rest.until(ofRun(runs[2] ?? '', 'run_finish'))
      rest.close()
      expect(rest.frames.map(({ data }) => data)).toEqual(merged(all.frames.slice(index + 1).map(({ data }) => data)))
    }
  })

  it('can be come back to before anything has happened, with the id that it begins with', async () => {
    const thread_id = await scene.thread()
    await scene.settled((await scene.post(thread_id, 'before')).body.run_id)
    const gone = new AbortController()
    const response = await fetch(`${service.url}/v1/threads/${thread_id}/stream`, { signal: gone.signal })
    const chunk = await response.body?.getReader().read()
    const [, id] = /^id: (\S+)\n\n/.exec(new TextDecoder().decode(chunk?.value)) ?? []
    gone.abort()
    expect(id).toBeDefined()
    const { run_id } = (await scene.post(thread_id, 'meanwhile')).body
    await scene.settled(run_id)
    const stream = await watch(thread_id, `?cursor=${id ?? ''}`)
    await stream.until(ofRun(run_id, 'run_finish'))
    expect(kinds(stream)[0]).toBe('run_start')
    expect(textOf(stream, run_id)).toBe('You said: meanwhile')
    stream.close()
  })

  it('waits with a run for its decision, and ends with the thread', async () => {
    const run = await scene.waiting(EMAIL)
    const stream = await watch(run.thread_id)
    const { tickets } = (await stream.until(({ event_type }) => event_type === 'run_waiting')).data
    await client.call('POST', `/v1/threads/${run.thread_id}/decision`, {
      ticket_id: tickets[0].ticket_id,
      action: 'resume',
    })
    await stream.until(ofRun(run.run_id, 'run_finish'))
    expect((await client.call('DELETE', `/v1/threads/${run.thread_id}`)).status).toBe(204)
    await stream.all()
    const empty = await scene.thread()
    const idle = await watch(empty)
    await client.call('DELETE', `/v1/threads/${empty}`)
    expect(await idle.all()).toEqual([])
  })

  it('tells of queued runs that end before they start', async () => {
    const thread_id = await scene.thread()
    const slow = (await scene.post(thread_id, '/slow 20000\none two')).body.run_id
    const queued = (await scene.post(thread_id, 'behind')).body.run_id
    const stream = await watch(thread_id)
    await stream.until(ofRun(slow, 'run_start'))
    await client.call('POST', `/v1/threads/${thread_id}/interrupt`, { queue: 'supersede' })
    expect((await stream.until(ofRun(queued, 'run_finish'))).data.termination.type).toBe('superseded')
    expect((await stream.until(ofRun(slow, 'run_finish'))).data.termination.type).toBe('cancelled')
    stream.close()
  })

  it('refuses what is not its own', async () => {
    const thread_id = await scene.thread()
    const path = `/v1/threads/${thread_id}/stream`
    expectProblem(await client.call('GET', `${path}?cursor=x`), 400, 'invalid_cursor')
    expectProblem(await client.call('GET', '/v1/threads/none/stream'), 404, 'thread_not_found')
    await scene.settled((await scene.post(thread_id, 'x')).body.run_id)
    const { next_cursor } = (await client.call('GET', `/v1/threads/${thread_id}/events`)).body
    const other = await scene.thread()
    expectProblem(await client.call('GET', `/v1/threads/${other}/stream?cursor=${next_cursor}`), 400, 'invalid_cursor')
  })
})

/** Deltas that follow on one another as the one that a replay makes of them. */
function merged(frames: any[]): any[] {
  const out: any[] = []
  for (const frame of frames) {
    const last = out.at(-1)
    if (frame.event_type === 'text_delta' && last?.event_type === 'text_delta')
      out[out.length - 1] = { ...last, delta: (last.delta as string) + (frame.delta as string) }
    else out.push(frame)
  }
  return out
}
