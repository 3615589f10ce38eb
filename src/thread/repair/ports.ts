import type { ThreadRef } from '../ports.ts'
import type { Snapshot } from '../state.ts'
import type { Lost } from './facts.ts'

/** What a repair needs of the living threads; satisfied over a Temporal client. A thread without a workflow: null. */
export interface ThreadWorkflows {
  view(ref: ThreadRef): Promise<LiveView | null>
  snapshot(ref: ThreadRef): Promise<Snapshot | null>
  /** Whether it has a workflow that has not closed. */
  isRunning(ref: ThreadRef): Promise<boolean>
  /** True if there was no workflow and one was started. */
  wake(ref: ThreadRef): Promise<boolean>
  /** Tells the thread how far the store's log goes; null if it did not answer. */
  reconcile(ref: ThreadRef, last_seq: number, only_if_behind?: boolean): Promise<Reconciled | null>
  /** One page of the threads that have a workflow; `next` is null after the last. */
  running(tenant: string, token: string | null): Promise<{ thread_ids: string[]; next: string | null }>
}
/** `event_seq`: the last number that the thread knows; `stored_seq`: the last that it knows to be stored. */
export type LiveView = { event_seq: number; stored_seq: number; needs_reconcile: string | null }
/** Facts behind `store_seq` up to `known_seq` are gone. */
export type Reconciled = {
  adopted: boolean
  known_seq: number
  store_seq: number
  /** Messages that waited and that the store does not know. */
  pending_ids: string[]
  needs_reconcile: string | null
}

/** The effects of a repair, as its workflow sees them. Each does one page. */
export interface ReconcileActivities {
  reconcileTenants(): Promise<string[]>
  /** Compares the rows of threads after `after`, or of one thread, and mends what is missing. */
  reconcileThreads(input: { tenant: string; after: string; thread_id: string | null }): Promise<ReconcilePage>
  /** Compares living threads with the store. */
  reconcileWorkflows(input: { tenant: string; token: string | null; thread_id: string | null }): Promise<ReconcilePage>
  /** Drops what is older than the configuration says. */
  retain(input: { tenant: string; after: string }): Promise<ReconcilePage>
  /** Everything that is noted as lost, at most MAX_LOST_SHOWN. */
  listLost(input: { tenant: string; thread_id: string | null }): Promise<LostFact[]>
}
/** `next`: where the next page begins; null after the last. */
export type ReconcilePage = { next: string | null; threads_seen: number; mended: Counts; dropped: Counts }
export type Counts = { [kind: string]: number }
/** `reason`: `store_restored` for what a living thread knew and the store, set back, did not. */
export type LostFact = {
  thread_id: string
  what: Exclude<Lost['what'], 'restored'>
  from_seq: number
  to_seq: number
  ref?: string
  kinds?: string[]
  reason?: string
  found_at?: number
}

export const MAX_LOST_SHOWN = 500

/** How far a repair has come, and in the end what it has done. `mended` counts rows and threads by kind. */
export type ReconcileStatus = {
  status: 'running' | 'done' | 'failed'
  tenant: string
  thread_id: string | null
  threads_seen: number
  mended: Counts
  dropped: Counts
  lost: LostFact[]
}
