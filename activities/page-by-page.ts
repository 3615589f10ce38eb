import { setTimeout as sleep } from 'node:timers/promises'
import { Context } from '@temporalio/activity'
import type { ReconcilePage } from '../src/thread/repair/ports.ts'
import { added } from '../src/thread/repair/progress.ts'

/** An activity costs the engine more than a page costs the store, so it takes as many pages as fit into this (ms). */
const ACTIVITY_MS = 1_000
/** The longest rest after a page (ms). */
const MOST_REST_MS = 200

/**
 * Pages from `after` on, as one, until there are no more or the time is up. Between two of them it rests for as long as
 * the last one took: nobody waits for a repair, and runs want the store meanwhile.
 */
export async function pageByPage(after: string, page: (after: string) => Promise<ReconcilePage>): Promise<ReconcilePage> {
  const began = performance.now()
  for (let sum: ReconcilePage | null = null, next = after; ;) {
    const before = performance.now()
    const one = await page(next)
    sum = sum === null ? one : together(sum, one)
    const now = performance.now()
    if (one.next === null || now - began >= ACTIVITY_MS) return sum
    next = one.next
    Context.current().heartbeat()
    await sleep(Math.min(MOST_REST_MS, now - before))
  }
}

function together(sum: ReconcilePage, page: ReconcilePage): ReconcilePage {
  return {
    next: page.next,
    threads_seen: sum.threads_seen + page.threads_seen,
    mended: added(sum.mended, page.mended),
    dropped: added(sum.dropped, page.dropped),
  }
}
