import { expect, test, vi } from 'vitest'
import { ExpectedThreads } from '../../src/store/expected-threads.ts'

const KEPT_MS = 20

test('nobody is expected for longer than a command is under way', async () => {
  const ref = { tenant: 'a', thread_id: 't' }
  const lasting = new ExpectedThreads()
  const passing = new ExpectedThreads(KEPT_MS)
  for (const expected of [lasting, passing]) expected.add(ref)
  const until = performance.now() + 2 * KEPT_MS
  await vi.waitUntil(() => performance.now() > until)
  expect([lasting.take(ref), passing.take(ref)]).toEqual([true, false])
})
