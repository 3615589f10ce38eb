import { setTimeout as sleep } from 'node:timers/promises'
import { Context } from '@temporalio/activity'
import type { ReconcilePage } from '../src/thread/repair/ports.ts'
import { counted } from '../src/thread/repair/progress.ts'

/** An activity costs the engine more than a page costs the store, so it takes as many pages as fit into this (ms). */
const ACTIVITY_MS = 1_000
/** The longest rest after a page (ms). */
const MOST_REST_MS = 200

/**
 * Pages from `after` on, as one, until there are no more or the time is up. Between two of them it rests for as long as
 * the last one took: nobody waits for a repair, and runs want the store meanwhile. Throws what the first page throws.
 */
export async function pageByPage(after: string, page: (after: string) => Promise<ReconcilePage>): Promise<ReconcilePage> {
  const context = Context.current()
  const began = performance.now()
  let sum = await page(after)
  for (let took_ms = performance.now() - began; sum.next !== null;) {
    if (performance.now() - began >= ACTIVITY_MS || context.cancellationSignal.aborted) break
    context.heartbeat()
    await sleep(Math.min(MOST_REST_MS, took_ms))
    const before = performance.now()
    try {
      const one = await page(sum.next)
      sum = { next: one.next, ...counted(sum, one) }
    } catch {
      // What has been done must be told. The next activity begins with this page, and has tries of its own for it.
      break
    }
    took_ms = performance.now() - before
  }
  return sum
}
