import { MockActivityEnvironment } from '@temporalio/testing'
import { expect, test } from 'vitest'
import { pageByPage } from '../../activities/page-by-page.ts'
import type { ReconcilePage } from '../../src/thread/repair/ports.ts'

const LAST = 30
/** A page for each number, in each of which one row is mended. */
function pageAt(after: string): ReconcilePage {
  const number = Number(after)
  return { next: number === LAST ? null : String(number + 1), threads_seen: 2, mended: { runs: 1 }, dropped: {} }
}
const inActivity = (work: () => Promise<ReconcilePage>): Promise<ReconcilePage> =>
  new MockActivityEnvironment().run(work) as Promise<ReconcilePage>

test('all pages in one, if there is time', async () => {
  const sum = await inActivity(() => pageByPage('1', (after) => Promise.resolve(pageAt(after))))
  expect(sum).toEqual({ next: null, threads_seen: 2 * LAST, mended: { runs: LAST }, dropped: {} })
})

test('a page that fails is the next activity’s first, and what was done before it is told', async () => {
  let calls = 0
  const page = (after: string): Promise<ReconcilePage> =>
    ++calls % 7 === 0 ? Promise.reject(new Error('the store is away')) : Promise.resolve(pageAt(after))
  let mended = 0
  let failed = 0
  for (let next: string | null = '1'; next !== null;) {
    const from: string = next
    const sum: ReconcilePage | null = await inActivity(() => pageByPage(from, page)).catch(() => null)
    if (sum === null) failed += 1
    else mended += sum.mended['runs'] ?? 0
    next = sum === null ? from : sum.next
  }
  expect(mended).toBe(LAST)
  // None of the pages that fail is the first of its activity.
  expect(failed).toBe(0)
  const never = inActivity(() => pageByPage('1', () => Promise.reject(new Error('away'))))
  await expect(never).rejects.toThrow('away')
})

test('it ends in time, and soon once it is told to', async () => {
  const slow = async (after: string): Promise<ReconcilePage> => {
    await new Promise((resolve) => setTimeout(resolve, 100))
    return pageAt(after)
  }
  const sum = await inActivity(() => pageByPage('1', slow))
  expect(Number(sum.next)).toBeLessThan(12)
  const environment = new MockActivityEnvironment()
  const cancelled = environment.run(() => pageByPage('1', slow)) as Promise<ReconcilePage>
  environment.cancel()
  expect((await cancelled).next).toBe('2')
})
