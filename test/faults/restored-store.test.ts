import { execFile } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectProblem } from '../http/support/client.ts'
import { eventually } from '../support/engine.ts'
import { ROOT } from '../support/sources.ts'
import { createWorld, type Running, type World } from './support/world.ts'

/** The whole program over a Temporal server that lives on, while its store becomes what it was at an earlier time. */
const APPROVAL = '/tool send_email {"to":"a@example.org","subject":"s"}'
let world: World
let program: Running
const start = async (): Promise<void> => {
  program = await world.start({ TEMPORAL_ADDRESS: world.temporal })
}
beforeAll(async () => {
  world = await createWorld({ temporal: true })
  await start()
})
afterAll(() => world.end())

/** `weft`, as a person runs it. */
function weft(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { ...process.env, WEFT_API: program.api.url }
  return new Promise((resolve) => {
    execFile(process.execPath, [join(ROOT, 'src/cli/main.ts'), ...args], { env, cwd: world.dir }, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err })
    })
  })
}

const last = async (thread: string): Promise<{ cursor: string; seq: number }> => {
  const { items } = await program.api.get(`/v1/threads/${thread}/events?limit=200`)
  return { cursor: items.at(-1).cursor, seq: items.length }
}

test('the program finds out by itself that its store was set back, and says what is gone', async () => {
  const waits = ({ status }: { status: string }): boolean => status === 'waiting'
  await program.api.run('one', { thread_id: 'idle' })
  const asked = await program.api.say('asked', APPROVAL)
  await program.api.whenRun(asked, waits)
  await program.api.run('hello', { thread_id: 'late' })
  await program.api.run('hello', { thread_id: 'untouched' })
  const before = await last('idle')
  await program.stop()
  cpSync(world.dataDir, join(world.dir, 'backup'), { recursive: true })

  await start()
  await program.api.run('two', { thread_id: 'idle' })
  const seen = await last('idle')
  const unknown = await program.api.say('late', APPROVAL)
  await program.api.whenRun(unknown, waits)
  const queued = (
    await program.api.call('POST', '/v1/threads/late/messages', {
      messages: [{ id: 'waits', role: 'user', content: 'after that' }],
      delivery: { boundary: 'new_run' },
    })
  ).body.run_id
  const live = await last('late')
  await program.stop()
  rmSync(world.dataDir, { recursive: true })
  cpSync(join(world.dir, 'backup'), world.dataDir, { recursive: true })

  await start()
  // Nobody asks for it: a repair begins with the program.
  const ended = { status: 'done', termination: { type: 'error' }, error: { code: 'store_restored' } }
  for (const run of [unknown, queued]) expect(await program.api.whenRun(run)).toMatchObject(ended)
  expect(await program.api.getRun(asked)).toMatchObject({ status: 'waiting' })
  const answer = await program.api.call(
    'POST',
    `/v1/dispatches/${((await program.api.getRun(queued)) as any).dispatch_id}/requeue`,
  )
  expectProblem(answer, 404, 'message_not_found')

  // Who saw numbers that are gone is told so, also when the log has grown past them.
  const status = async (path: string, cursor: string) => {
    const { status: code, body } = await program.api.call('GET', `${path}?cursor=${encodeURIComponent(cursor)}`)
    return [code, body?.code]
  }
  for (const content of ['three', 'four', 'five']) await program.api.run(content, { thread_id: 'idle' })
  expect((await last('idle')).seq).toBeGreaterThan(seen.seq)
  expect(await status('/v1/threads/idle/events', seen.cursor)).toEqual([410, 'cursor_expired'])
  expect(await status('/v1/threads/idle/events/stream', seen.cursor)).toEqual([410, 'cursor_expired'])
  expect(await status('/v1/threads/idle/events', before.cursor)).toEqual([200, undefined])
  for (const thread of ['idle', 'asked', 'late', 'untouched']) await program.api.log(thread)

  const { body } = await program.api.call('POST', '/v1/reconcile')
  const report = await eventually(async () => {
    const found = await program.api.get(`/v1/reconcile/${body.id}`)
    return found.status === 'running' ? undefined : found
  })
  expect(report).toMatchObject({ id: body.id, status: 'done', mended: {}, threads_seen: 4 })
  const gone = { thread_id: 'late', reason: 'store_restored' }
  expect(report.lost).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ ...gone, what: 'pending', ref: 'waits' }),
      expect.objectContaining({ ...gone, what: 'events', to_seq: live.seq }),
    ]),
  )

  const all = await weft('reconcile', '--json')
  expect({ ...all, out: JSON.parse(all.out).lost }).toEqual({ code: 1, out: report.lost, err: '' })
  const one = await weft('reconcile', '--thread', 'untouched')
  expect(one).toMatchObject({ code: 0, out: '1 threads seen.\nMended: nothing.\nNothing is lost.\n' })
  expect(await weft('reconcile', '--thread', 'nowhere')).toMatchObject({ code: 2, err: expect.stringContaining('no thread') })
  expect(await weft('--api', 'http://127.0.0.1:1', 'reconcile')).toMatchObject({
    code: 2,
    err: expect.stringContaining('Nothing answers'),
  })
  expect((await program.api.call('GET', '/v1/reconcile/nothing')).status).toBe(404)
})
