import type { PendingEntry, RunState } from '../state.ts'
import { activeRun, emit, type Draft } from '../draft.ts'
import { cancelCall } from './calls.ts'
import { consume, expireHolds, frozenAt, joining } from './freeze.ts'
import { finish, queueRun, resumeRun, startRun } from './runs.ts'
import { undeliver } from './targets.ts'

/** What the queue leads to once nothing stands in its way. */

/** Looks at the queue after it has changed: starts the next run, or lets the waiting one go on with what is for it. */
export function lookAtQueue(draft: Draft): void {
  expireHolds(draft)
  const run = activeRun(draft.state)
  if (run === undefined) startNext(draft)
  else if (run.record.status === 'waiting') resumeWaiting(draft, run.record.run_id)
}

/**
 * Starts the next run if none is open. A replacement that waits at `interrupt` goes before the rest of the queue; of
 * several the latest answers, and those it replaced end `superseded`. Runs whose messages another run took end
 * `coalesced`.
 */
export function startNext(draft: Draft): void {
  if (draft.state.active_run_id !== null) return
  expireHolds(draft)
  const { queue } = draft.state
  const replacement = frozenAt(queue, 'interrupt').taken
  if (replacement.length > 0) begin(draft, replacement, lastOwner(draft, replacement), 'superseded')
  else if (!draft.state.parked) {
    const next = frozenAt(queue, 'new_run').taken
    if (next.length > 0) begin(draft, next, owners(draft, next)[0], 'coalesced')
  }
}

function begin(draft: Draft, taken: PendingEntry[], owner: string | undefined, others: 'superseded' | 'coalesced'): void {
  const head = taken[0]
  if (head === undefined) return
  const taker = owner ?? queueRun(draft, { agent_id: head.agent_id, overrides: head.overrides ?? null })
  startRun(draft, taker)
  consume(draft, taker, taken, others)
}

/** The runs that were allocated for these entries and have not begun. */
function owners(draft: Draft, taken: readonly PendingEntry[]): string[] {
  return taken.flatMap(({ for_run_id }) =>
    for_run_id !== null && draft.state.runs[for_run_id]?.record.status === 'created' ? [for_run_id] : [],
  )
}

function lastOwner(draft: Draft, taken: readonly PendingEntry[]): string | undefined {
  return owners(draft, taken).at(-1)
}

/** The user wrote instead of deciding: open tickets are closed so, and the run goes on with the messages. */
function resumeWaiting(draft: Draft, run_id: string): void {
  const run = draft.state.runs[run_id]
  const freezes = run === undefined ? null : inputFor(draft.state.queue, run)
  if (freezes === null) return
  closeTickets(draft, run_id)
  for (const taken of freezes) consume(draft, run_id, taken, 'coalesced')
}

/**
 * The freezes that let a waiting run go on, or null if nothing of the queue is input for it. With its tickets closed
 * its step has all its results, so what was meant for the next step is due as well: a hint that came while the run
 * still worked must not keep out the words that came after it.
 */
export function inputFor(queue: readonly PendingEntry[], run: RunState): PendingEntry[][] | null {
  const freezes: PendingEntry[][] = []
  // The run has come to no end yet, so what waits for that is not due and stands in nobody's way, but for a barrier.
  let left = queue.filter(({ delivery }) => delivery.boundary !== 'on_natural_end' || delivery.barrier)
  let resumes = false
  for (let more = true; more;) {
    more = false
    for (const boundary of ['next_step', 'resume_input'] as const) {
      const { taken } = frozenAt(left, boundary, joining(run))
      if (taken.length === 0) continue
      freezes.push(taken)
      left = left.filter((entry) => !taken.includes(entry))
      resumes ||= boundary === 'resume_input'
      more = true
    }
  }
  return resumes ? freezes : null
}

/** The waiting run goes on although nobody has decided; what it had asked gets an answer that says so. */
export function closeTickets(draft: Draft, run_id: string): void {
  resumeRun(draft, run_id, 'input')
  for (const call of draft.state.runs[run_id]?.calls ?? [])
    if (call.status === 'waiting') cancelCall(draft, run_id, call, 'not decided: the user wrote instead')
}

/** Ends every queued run but those `spared`; their messages stay unread. Returns how many runs. */
export function supersedeQueue(draft: Draft, spared: readonly string[] = []): number {
  const queued = Object.values(draft.state.runs).filter(
    ({ record }) => record.status === 'created' && !spared.includes(record.run_id),
  )
  for (const entry of draft.state.queue) {
    if (entry.for_run_id === null || !spared.includes(entry.for_run_id)) undeliver(draft, entry, 'superseded by an interrupt')
  }
  for (const run of queued) finish(draft, run, { type: 'superseded' })
  return queued.length
}

/**
 * Keeps the queue from starting anything. A queue that holds nothing but what is for `spared`, the runs that park it,
 * has nothing to wait with.
 */
export function parkQueue(draft: Draft, spared: readonly string[] = []): void {
  const { queue, parked } = draft.state
  const waiting = queue.filter(({ for_run_id }) => for_run_id === null || !spared.includes(for_run_id))
  if (!parked && waiting.length > 0)
    emit(draft, { kind: 'QueueParked', run_id: null, payload: { pending_count: waiting.length } })
}

/** True if it had been parked. */
export function unparkQueue(draft: Draft): boolean {
  const { queue, parked } = draft.state
  if (parked) emit(draft, { kind: 'QueueResumed', run_id: null, payload: { pending_count: queue.length } })
  return parked
}
