import { LEDGER_AGE_MS } from '../src/thread/limits.ts'
import type { ReconcilePage } from '../src/thread/repair/ports.ts'
import { added } from '../src/thread/repair/progress.ts'
import type { ActivityDeps } from './deps.ts'
import { expirePage, isExpiryToken } from './expire.ts'

const THREADS = 50
const ROWS = 500

/** One page of what is too old to be kept: first threads whose time is up, then events of the others. */
export async function retainPage(
  deps: ActivityDeps,
  { tenant, after }: { tenant: string; after: string },
): Promise<ReconcilePage> {
  if (!isExpiryToken(after)) return await retainEvents(deps, { tenant, after })
  const expired = await expirePage(deps, { tenant, after })
  if (expired.next !== null) return expired
  const page = await retainEvents(deps, { tenant, after: '' })
  return { ...page, dropped: added(expired.dropped, page.dropped) }
}

/** Without a configured age only what nothing will read again is dropped. */
async function retainEvents(
  { store, retention_ms }: ActivityDeps,
  { tenant, after }: { tenant: string; after: string },
): Promise<ReconcilePage> {
  const page: ReconcilePage = { next: null, threads_seen: 0, mended: {}, dropped: {} }
  const staged = after === '' ? await all(() => store.repair.pruneStaged(tenant, ROWS)) : 0
  if (retention_ms == null) return { ...page, dropped: { staged } }
  const now = Date.now()
  // Repeats of a command are told by its stored answer; the thread itself remembers it for a day.
  const before = now - Math.max(retention_ms, LEDGER_AGE_MS)
  const commands = after === '' ? await all(() => store.repair.pruneCommands(tenant, before, ROWS)) : 0
  const { threads, events } = await store.repair.retain(tenant, { after, limit: THREADS, before: now - retention_ms })
  return { ...page, next: threads.length < THREADS ? null : (threads.at(-1) ?? null), dropped: { staged, commands, events } }
}

async function all(page: () => Promise<number>): Promise<number> {
  let count = 0
  for (;;) {
    const dropped = await page()
    count += dropped
    if (dropped < ROWS) return count
  }
}
