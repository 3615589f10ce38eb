import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWorld, type World } from './support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(async () => {
  await world.end()
})

const sentences = (text: string): string[] => text.trim().split('\n')

test.each(['api', 'worker'])('a process of role %s without a database of its own is refused', async (WEFT_ROLE) => {
  const { code, stdout, stderr } = await world.startRaw({ WEFT_ROLE, TEMPORAL_ADDRESS: '127.0.0.1:7233' }).ended
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(sentences(stderr)).toHaveLength(1)
  expect(stderr).toMatch(/WEFT_ROLE=(api|worker) needs DATABASE_URL, because .+\.$/m)
})

test('a data directory that a process uses is refused to a second, also while the first is busy', async () => {
  const first = await world.start()
  const run_id = await first.api.say('busy', '/slow 3000\none two three')
  const { code, stdout, stderr } = await world.startRaw().ended
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(sentences(stderr)).toHaveLength(1)
  expect(await first.api.whenRun(run_id)).toMatchObject({ final_output: 'You said: one two three' })
  await first.api.log('busy')

  // A first that stands still has it all the same; a first that was killed has not.
  world.freeze(first.pid)
  expect((await world.startRaw().ended).code).toBe(1)
  world.thaw(first.pid)
  await first.kill()
  const next = await world.start()
  expect(await next.api.messages('busy')).toHaveLength(2)
  await next.stop()
})
