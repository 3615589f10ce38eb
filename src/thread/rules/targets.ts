import type { Decider } from '../event.ts'
import type { PendingEntry } from '../state.ts'
import { emit, type Draft } from '../draft.ts'

/** Messages that leave the queue unread, and those whose run has ended. */

/** Whose stream an entry's events belong to: the run it would start, or the one it is meant for. */
export function runOf(entry: PendingEntry): string | null {
  return entry.for_run_id ?? entry.delivery.target_run_id ?? null
}

/** Takes a message out of the queue without anyone having read it. */
export function undeliver(draft: Draft, entry: PendingEntry, reason: string): void {
  emit(draft, { kind: 'PendingUndelivered', run_id: runOf(entry), payload: { pending_id: entry.pending_id, reason } })
}

/** Its writer has taken it back. */
export function retract(draft: Draft, entry: PendingEntry, by: Decider | null): void {
  const { pending_id, revision } = entry
  emit(draft, { kind: 'PendingRetracted', run_id: runOf(entry), payload: { pending_id, revision, retracted_by: by } })
}

/**
 * Messages meant for a run that has ended: turned to the next run in their place where they allow it, else
 * undelivered. Belongs to the same decide that ends the run.
 */
export function settleTargeted(draft: Draft, run_id: string): void {
  for (const entry of draft.state.queue) {
    if (entry.delivery.target_run_id !== run_id) continue
    if (entry.delivery.fallback_to_new_run) {
      const { pending_id, revision } = entry
      const delivery = untargeted(entry.delivery)
      const payload = { pending_id, revision, reason: 'target_ended' as const, delivery, edited_by: null }
      emit(draft, { kind: 'PendingEdited', run_id, payload })
    } else undeliver(draft, entry, 'its run ended')
  }
}

/** The same for whatever run comes next. */
export function untargeted(delivery: PendingEntry['delivery']): PendingEntry['delivery'] {
  const { target_run_id: _run, ...rest } = delivery
  return { ...rest, boundary: 'new_run' }
}
