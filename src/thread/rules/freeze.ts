import { walkPending, type Boundary } from '../pending.ts'
import type { RunState, PendingEntry } from '../state.ts'
import { hash128 } from '../ids.ts'
import { canonicalJson } from '../json.ts'
import { emit, type Draft } from '../draft.ts'
import type { RunOverrides } from '../records.ts'
import { commitMessages, type Committable } from './messages.ts'
import { finish } from './runs.ts'
import { runOf } from './targets.ts'

/** The freeze: which pending messages become part of the conversation, and for which run. */

/** For which run a freeze is: only messages that fit its agent and its overrides may join it. */
type Joining = { run_id: string; agent_id: string; overrides_key: string | null }

export function joining({ record }: RunState): Joining {
  return { run_id: record.run_id, agent_id: record.agent_id, overrides_key: overridesKey(record.overrides) }
}

/**
 * The entries a freeze takes: the rule's choice, cut where the agent or the run's overrides change. Without a run
 * the first entry sets them. `blocked_by`: the entry that a later one could not get past; null if nothing is there.
 */
export function frozenAt(
  queue: readonly PendingEntry[],
  boundary: Boundary,
  run?: Joining,
): { taken: PendingEntry[]; blocked_by: PendingEntry | null } {
  const walk = walkPending(queue, boundary, run?.run_id)
  const chosen = walk.taken.flatMap((index) => queue[index] ?? [])
  const fit = run ?? chosen[0]
  const cut = chosen.findIndex((entry) => fit === undefined || !fits(entry, fit, run !== undefined))
  if (cut !== -1) return { taken: chosen.slice(0, cut), blocked_by: chosen[cut] ?? null }
  return { taken: chosen, blocked_by: walk.stopped_at === null ? null : (queue[walk.stopped_at] ?? null) }
}

/** An open run has its overrides already: a message that asks for none may join it. */
function fits(entry: PendingEntry, fit: Omit<Joining, 'run_id'>, open: boolean): boolean {
  if (entry.agent_id !== fit.agent_id) return false
  return entry.overrides_key === fit.overrides_key || (open && entry.overrides_key === null)
}

/** Consumes pending messages for the open run. True if there were any. */
export function freezeInto(draft: Draft, run_id: string, boundary: Boundary): boolean {
  expireHolds(draft)
  const run = draft.state.runs[run_id]
  if (run === undefined) return false
  const { taken } = frozenAt(draft.state.queue, boundary, joining(run))
  consume(draft, run_id, taken, 'coalesced')
  return taken.length > 0
}

/** Commits what a freeze has taken. Runs that were waiting for these messages alone have nothing left to do. */
export function consume(draft: Draft, taker: string, taken: readonly PendingEntry[], others: 'coalesced' | 'superseded'): void {
  commitMessages(draft, taker, taken.map(fromQueue))
  endEmptyRuns(draft, taken, (run) => {
    finish(draft, run, { type: others, value: taker })
  })
}

/** Ends the queued runs of entries that have left the queue, where they have no other. */
export function endEmptyRuns(draft: Draft, left: readonly PendingEntry[], end: (run: RunState) => void): void {
  for (const run_id of new Set(left.flatMap((entry) => entry.for_run_id ?? []))) {
    const run = draft.state.runs[run_id]
    const more = draft.state.queue.some((entry) => entry.for_run_id === run_id)
    if (run?.record.status === 'created' && !more) end(run)
  }
}

/** Lets go of what has been held long enough; it keeps its place. */
export function expireHolds(draft: Draft): boolean {
  const over = draft.state.queue.filter(({ held_until }) => held_until !== undefined && held_until <= draft.context.now)
  for (const entry of over) {
    const { pending_id } = entry
    emit(draft, {
      kind: 'PendingReleased',
      run_id: runOf(entry),
      payload: { pending_id, reason: 'expired', released_by: null },
    })
  }
  return over.length > 0
}

export function overridesKey(overrides: RunOverrides | null | undefined): string | null {
  return overrides == null ? null : hash128(canonicalJson(overrides))
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
