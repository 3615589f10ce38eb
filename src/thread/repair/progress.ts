import type { Counts, ReconcilePage } from './ports.ts'

/** What one execution of a repair hands to the next. `next`: where the phase goes on; null at its beginning. */
export type ReconcileProgress = {
  phase: 'threads' | 'workflows' | 'retention' | 'done'
  next: string | null
  threads_seen: number
  mended: Counts
  dropped: Counts
}
/** Without a thread's id: all of the tenant's. */
export type ReconcileInput = { tenant: string; thread_id?: string | null; progress?: ReconcileProgress }

export const NOTHING_DONE: ReconcileProgress = {
  phase: 'threads',
  next: null,
  threads_seen: 0,
  mended: {},
  dropped: {},
}
export const RECONCILE_SUMMARY = 'Compare all threads with the store, and mend what is missing'

/** One tenant has one repair at a time. A thread's id has a slash, so the two are never the same. */
export function reconcileId(tenant: string): string {
  return `reconcile:${tenant}`
}

/** The progress with a page's outcome. A single thread's repair drops nothing. */
export function withPage(progress: ReconcileProgress, page: ReconcilePage, single: boolean): ReconcileProgress {
  const phase = page.next === null ? after(progress.phase, single) : progress.phase
  return {
    phase,
    next: page.next,
    ...counted(progress, page),
  }
}

type Counted = Pick<ReconcilePage, 'threads_seen' | 'mended' | 'dropped'>

/** What was seen, mended and dropped in all. */
export function counted(sum: Counted, page: Counted): Counted {
  return {
    threads_seen: sum.threads_seen + page.threads_seen,
    mended: added(sum.mended, page.mended),
    dropped: added(sum.dropped, page.dropped),
  }
}

function after(phase: ReconcileProgress['phase'], single: boolean): ReconcileProgress['phase'] {
  if (phase === 'threads') return 'workflows'
  return phase === 'workflows' && !single ? 'retention' : 'done'
}

export function added(a: Counts, b: Counts): Counts {
  const sum: Counts = { ...a }
  for (const [kind, count] of Object.entries(b)) if (count > 0) sum[kind] = (sum[kind] ?? 0) + count
  return sum
}
