import type { Committable } from './messages.ts'
import { commitMessages } from './messages.ts'
import { selectPendingForFreeze, type Boundary } from '../pending.ts'
import type { PendingEntry } from '../state.ts'
import { emit, type Draft } from '../draft.ts'
import { finish, queueRun, startRun } from './runs.ts'

/** The freeze and what follows from it: which pending messages become part of the conversation, and for which run. */

/** The entries a freeze takes: the rule's choice, cut where the agent or the run's overrides change. */
export function frozenAt(queue: readonly PendingEntry[], boundary: Boundary, run_id?: string): PendingEntry[] {
  const chosen = selectPendingForFreeze(queue, boundary, run_id).flatMap((index) => queue[index] ?? [])
  const head = chosen[0]
  if (head === undefined) return []
  const cut = chosen.findIndex((entry) => entry.agent_id !== head.agent_id || entry.overrides_key !== head.overrides_key)
  return cut === -1 ? chosen : chosen.slice(0, cut)
}

/** Consumes pending messages for the open run. True if there were any. */
export function freezeInto(draft: Draft, run_id: string, boundary: Boundary): boolean {
  const taken = frozenAt(draft.state.queue, boundary, run_id)
  commitMessages(draft, run_id, taken.map(fromQueue))
  return taken.length > 0
}

/**
 * Starts the next run if none is open. A replacement that waits at `interrupt` goes before the rest of the queue; of
 * several the latest answers, and those it replaced end `superseded`. Runs whose messages another run took end
 * `coalesced`.
 */
export function startNext(draft: Draft): void {
  if (draft.state.active_run_id !== null) return
  const { queue, parked } = draft.state
  const replacement = frozenAt(
    queue.filter((entry) => entry.delivery.target_run_id === undefined),
    'interrupt',
  )
  if (replacement.length > 0)
    begin(
      draft,
      replacement,
      replacement.findLast((entry) => entry.for_run_id !== null),
      'superseded',
    )
  else if (!parked) {
    const next = frozenAt(queue, 'new_run')
    if (next.length > 0)
      begin(
        draft,
        next,
        next.find((entry) => entry.for_run_id !== null),
        'coalesced',
      )
  }
}

function begin(draft: Draft, taken: PendingEntry[], owner: PendingEntry | undefined, others: 'superseded' | 'coalesced'): void {
  const head = taken[0]
  if (head === undefined) return
  const taker = owner?.for_run_id ?? queueRun(draft, { agent_id: head.agent_id, overrides: null })
  startRun(draft, taker)
  commitMessages(draft, taker, taken.map(fromQueue))
  for (const run_id of new Set(taken.flatMap((entry) => entry.for_run_id ?? []))) {
    const run = draft.state.runs[run_id]
    const left = draft.state.queue.some((entry) => entry.for_run_id === run_id)
    if (run_id !== taker && run !== undefined && !left) finish(draft, run, { type: others, value: taker })
  }
}

/** Messages meant for a run that has ended: turned to the next run where they allow it, else undelivered. */
export function settleTargeted(draft: Draft, run_id: string): void {
  for (const entry of draft.state.queue) {
    const { delivery } = entry
    if (delivery.target_run_id === run_id && !delivery.fallback_to_new_run) undeliver(draft, entry, 'its run ended')
  }
}

/** Ends every queued run but `spared`; their messages stay unread. Returns how many runs. */
export function supersedeQueue(draft: Draft, spared?: string): number {
  const queued = Object.values(draft.state.runs).filter((run) => run.record.status === 'created' && run.record.run_id !== spared)
  for (const entry of draft.state.queue) {
    if (entry.for_run_id === null || entry.for_run_id !== spared) undeliver(draft, entry, 'superseded by an interrupt')
  }
  for (const run of queued) finish(draft, run, { type: 'superseded' })
  return queued.length
}

/** Takes a message out of the queue without anyone having read it. */
export function undeliver(draft: Draft, entry: PendingEntry, reason: string): void {
  emit(draft, { kind: 'PendingUndelivered', run_id: entry.for_run_id, payload: { pending_id: entry.pending_id, reason } })
}

function fromQueue(entry: PendingEntry): Committable {
  return {
    message_id: entry.pending_id,
    role: entry.role,
    content: '',
    visibility: entry.visibility,
    metadata: entry.metadata,
    step: null,
    refs: [{ at: ['content'], ref: { from: 'pending', pending_id: entry.pending_id } }],
  }
}
