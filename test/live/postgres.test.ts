import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { LiveFrame } from '../../src/live/bus.ts'
import { createPostgresBus } from '../../src/live/postgres.ts'
import { MAX_PAYLOAD_BYTES, packFrames, unpackFrames } from '../../src/live/postgres-payload.ts'
import { utf8Length } from '../../src/thread/json.ts'
import { startForgetful } from '../support/forgetful.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { collect, describeBus, event } from './bus-contract.ts'

let postgres: TestPostgres
beforeAll(async () => {
  postgres = await startPostgres()
}, 60_000)
afterAll(async () => {
  await postgres.stop()
})
const open = async () => {
  const [near, far] = [createPostgresBus({ database_url: postgres.url }), createPostgresBus({ database_url: postgres.url })]
  await Promise.all([near.ready, far.ready])
  return { near, far, close: () => Promise.resolve() }
}
const delta = (offset: number, text: string): LiveFrame => ({
  type: 'delta',
  thread_id: 'x',
  run_id: 'r',
  step: 1,
  attempt: 1,
  kind: 'text',
  offset,
  delta: text,
})

describeBus('the bus over Postgres', open)

describe('a Postgres bus whose connection breaks', () => {
  it('mends itself, sends what waited, and tells its subscribers that they may have missed something', async () => {
    const { near, far } = await open()
    const heard = collect(far, 't', 'x')
    const admin = new pg.Client({ connectionString: postgres.url })
    await admin.connect()
    await admin.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()',
    )
    await admin.end()
    const deadline = Date.now() + 8_000
    for (let n = 0; !heard.frames.some(({ type }) => type === 'delta') && Date.now() < deadline; n++) {
      near.publish('t', delta(n, 'x'))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await heard.until(() => heard.frames.some(({ type }) => type === 'delta'))
    expect(heard.frames.filter(({ type }) => type === 'missed')).toEqual([{ type: 'missed', thread_id: 'x' }])
    await near.close()
    await far.close()
  })

  it('notices a connection that has gone silent, also when it only listens', async () => {
    const { host } = new URL(postgres.url)
    const way = await startForgetful(host)
    const far = createPostgresBus({ database_url: postgres.url.replace(host, way.address), alive_ms: 300 })
    const near = createPostgresBus({ database_url: postgres.url })
    await Promise.all([near.ready, far.ready])
    const heard = collect(far, 't', 'x')
    way.forget()
    near.publish('t', delta(0, 'nobody hears this'))
    await heard.until(() => heard.frames.some(({ type }) => type === 'missed'))
    near.publish('t', delta(1, 'again'))
    await heard.until(() => heard.frames.some(({ type }) => type === 'delta'))
    expect(heard.frames).toEqual([{ type: 'missed', thread_id: 'x' }, delta(1, 'again')])
    await Promise.all([near.close(), far.close()])
    await way.close()
  })

  it('neither throws nor waits when there is no server, and closes', async () => {
    const errors: unknown[] = []
    const bus = createPostgresBus({
      database_url: 'postgres://postgres@127.0.0.1:1/none',
      onError: (error) => errors.push(error),
    })
    const own = collect(bus, 't', 'x')
    for (let n = 0; n < 20_000; n++) bus.publish('t', delta(n, 'x'))
    await own.count(20_000)
    await vi.waitFor(() => {
      expect(errors.length).toBeGreaterThan(1)
    })
    await bus.close()
    await bus.ready
  })
})

describe('the payloads of NOTIFY', () => {
  it('stay under the limit whatever they carry, and bring it all back', () => {
    const nasty = ['\u0000', '😀', '"\\', 'é', 'a'].map((sign) => sign.repeat(9_000))
    const frames = [
      ...nasty.map((text) => ({ tenant: 't', frame: delta(0, text) })),
      {
        tenant: 't',
        frame: {
          type: 'events' as const,
          thread_id: 'x',
          last_seq: 3,
          events: [event(1, 'a'), event(2, '😀'.repeat(9_000)), event(3, 'b')],
        },
      },
    ]
    let n = 0
    const payloads = packFrames('origin', () => (n += 1), frames)
    for (const payload of payloads) expect(utf8Length(payload)).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES)
    expect(new Set(payloads).size).toBe(payloads.length)
    const back = payloads.flatMap((payload) => unpackFrames(payload)?.frames ?? []).map(({ frame }) => frame)
    expect(back.flatMap((frame) => (frame.type === 'delta' ? [frame.delta] : [])).join('')).toBe(nasty.join(''))
    expect(
      back
        .filter(({ type }) => type === 'events')
        .map((frame) => (frame.type === 'events' ? [frame.last_seq, frame.events?.length] : [])),
    ).toEqual([
      [1, 1],
      [2, undefined],
      [3, 1],
    ])
  })

  it('that are none of ours are ignored', () => {
    for (const text of ['', 'x', '1', 'null', '{"o":1,"f":[]}', '{"o":"a"}']) expect(unpackFrames(text)).toBeNull()
    expect(unpackFrames('{"o":"a","f":[1,["t"],["t",{"type":"sync"}]]}')).toEqual({ origin: 'a', frames: [] })
  })
})
