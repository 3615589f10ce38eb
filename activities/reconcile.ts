import { Context } from '@temporalio/activity'
import type { LostRow } from '../src/store/store.ts'
import type { ThreadRef } from '../src/thread/ports.ts'
import type { Lost } from '../src/thread/repair/facts.ts'
import {
  MAX_LOST_SHOWN,
  type Counts,
  type LostFact,
  type ReconcileActivities,
  type ReconcilePage,
} from '../src/thread/repair/ports.ts'
import { added } from '../src/thread/repair/progress.ts'
import type { ActivityDeps } from './deps.ts'
import { pageByPage } from './page-by-page.ts'
import { repairThread } from './repair-thread.ts'
import { retainPage } from './retain.ts'

/** Threads of one page. */
const PAGE = 50
/** Living threads that are asked at once. */
const AT_ONCE = 8
const NOTHING: ReconcilePage = { next: null, threads_seen: 0, mended: {}, dropped: {} }

/** The effects of a repair (see workflows/reconcile.ts). All of them may be done again. */
export function reconcileActivities(deps: ActivityDeps): ReconcileActivities {
  return {
    reconcileTenants: () => deps.store.repair.tenants(),
    reconcileThreads: ({ tenant, after, thread_id }) =>
      thread_id === null
        ? pageByPage(after, (from) => reconcilePage(deps, tenant, from))
        : reconcileOne(deps, { tenant, thread_id }),
    reconcileWorkflows: (input) => reconcileWorkflows(deps, input),
    retain: ({ tenant, after }) => pageByPage(after, (from) => retainPage(deps, { tenant, after: from })),
    listLost: async ({ tenant, thread_id }) => {
      const filter = { limit: MAX_LOST_SHOWN, ...(thread_id === null ? {} : { thread_id }) }
      const rows = await deps.store.repair.listLost(tenant, filter)
      return rows.map(lostFact)
    },
  }
}

function lostFact({ ref, what, ...row }: LostRow): LostFact {
  const named = ref === '' ? row : { ...row, ref }
  if (what !== 'restored') return { ...named, what }
  return { ...named, what: ref === '' ? 'events' : 'pending', reason: 'store_restored' }
}

async function reconcilePage(deps: ActivityDeps, tenant: string, after: string): Promise<ReconcilePage> {
  const threads = await deps.store.repair.survey(tenant, { after, limit: PAGE })
  let page: ReconcilePage = { ...NOTHING, threads_seen: threads.length }
  for (const { thread_id, open, suspect } of threads) {
    Context.current().heartbeat()
    const ref = { tenant, thread_id }
    const mended = suspect ? await repairThread(deps, ref) : {}
    page = { ...page, mended: added(added(page.mended, mended), open || suspect ? await wake(deps, ref) : {}) }
  }
  return { ...page, next: threads.length < PAGE ? null : (threads.at(-1)?.thread_id ?? null) }
}

async function reconcileOne(deps: ActivityDeps, ref: ThreadRef): Promise<ReconcilePage> {
  const found = await deps.store.threads.get(ref.tenant, ref.thread_id)
  if (found === null || found === 'deleted') return NOTHING
  const mended = await repairThread(deps, ref)
  return { ...NOTHING, threads_seen: 1, mended: added(mended, await wake(deps, ref)) }
}

/** A thread with something to do and no workflow is started; the rest of it is the thread's own. */
async function wake({ store, threads }: ActivityDeps, ref: ThreadRef): Promise<{ woken: number }> {
  const row = await store.threads.get(ref.tenant, ref.thread_id)
  if (threads === undefined || row === null || row === 'deleted') return { woken: 0 }
  const waits = row.status !== 'idle' || (await store.conversation.listPending(ref)).length > 0
  return { woken: waits && (await threads.wake(ref)) ? 1 : 0 }
}

/** Asks living threads how far they know the log to go, and tells those that are ahead of the store, or out of step with it. */
async function reconcileWorkflows(
  deps: ActivityDeps,
  { tenant, token, thread_id }: { tenant: string; token: string | null; thread_id: string | null },
): Promise<ReconcilePage> {
  const { threads } = deps
  if (threads === undefined) return NOTHING
  const page = thread_id === null ? await threads.running(tenant, token) : { thread_ids: [thread_id], next: null }
  let found: ReconcilePage = { ...NOTHING, next: page.next }
  for (let at = 0; at < page.thread_ids.length; at += AT_ONCE) {
    Context.current().heartbeat()
    const some = page.thread_ids.slice(at, at + AT_ONCE)
    const answers = await Promise.all(some.map((id) => compare(deps, { tenant, thread_id: id })))
    found = { ...found, mended: answers.reduce(added, found.mended) }
  }
  return found
}

/** What was mended. */
async function compare({ store, threads }: ActivityDeps, ref: ThreadRef): Promise<Counts> {
  const live = (await threads?.view(ref)) ?? null
  if (live === null || threads === undefined) return {}
  // Read after the thread was asked: a healthy one is never ahead of this.
  const row = await store.threads.get(ref.tenant, ref.thread_id)
  if (row === 'deleted') return {}
  const last_seq = row?.last_seq ?? 0
  if (live.needs_reconcile === null && live.stored_seq <= last_seq) return {}
  const mended = row === null ? {} : await repairThread({ store, threads }, ref)
  const now = await store.threads.get(ref.tenant, ref.thread_id)
  const answer = await threads.reconcile(ref, now === null || now === 'deleted' ? 0 : now.last_seq)
  if (answer?.adopted !== true) return mended
  const { known_seq, store_seq, pending_ids } = answer
  const lost: Lost[] = pending_ids.map((id) => ({ what: 'restored', from_seq: 0, to_seq: 0, ref: id }))
  if (known_seq > store_seq) lost.push({ what: 'restored', from_seq: store_seq + 1, to_seq: known_seq, ref: '' })
  if (lost.length > 0) await store.repair.noteRestored(ref, lost)
  return added(mended, { adopted: 1 })
}
