/**
 * Pending delivery: which queued messages a run consumes at which point of its life.
 * Source of the rule: the design's section 4.2; of its use: seed 001.
 */

export type Boundary = 'interrupt' | 'next_step' | 'on_natural_end' | 'resume_input' | 'new_run'
export type Delivery = {
  boundary: Boundary
  granularity: 'one' | 'batch'
  barrier: boolean
  target_run_id?: string
  fallback_to_new_run: boolean
}
export const BOUNDARIES: readonly [Boundary, ...Boundary[]] = [
  'interrupt',
  'next_step',
  'on_natural_end',
  'resume_input',
  'new_run',
]

/** Opportunities in order; one that was missed falls forward, never backward. `resume_input` stands outside. */
const RANK: Record<Exclude<Boundary, 'resume_input'>, number> = { interrupt: 0, next_step: 1, on_natural_end: 2, new_run: 4 }

/** The parts of a pending entry that the selection looks at. `held_until`: somebody holds it back. */
export type Selectable = { pending_id: string; delivery: Delivery; held_until?: number }

/**
 * The indexes, ascending, that a freeze at `boundary` takes from the queue. `currentRunId` is the run that freezes;
 * entries targeted at another run are not for it.
 */
export function selectPendingForFreeze(pending: readonly Selectable[], boundary: Boundary, currentRunId?: string): number[] {
  return walkPending(pending, boundary, currentRunId).taken
}

/** The walk behind the selection. `stopped_at`: the index of the entry that no later one can get past; null at the end. */
export function walkPending(
  pending: readonly Selectable[],
  boundary: Boundary,
  currentRunId?: string,
): { taken: number[]; stopped_at: number | null } {
  const taken: number[] = []
  const heldLanes = new Set<Lane>()
  let skipped = false
  for (const [index, { delivery, held_until }] of pending.entries()) {
    const lane = laneOf(delivery)
    if (held_until !== undefined) heldLanes.add(lane)
    if (heldLanes.has(lane)) {
      // Left out of the walk with what stands behind it in its lane; but nothing gets past a barrier.
      if (delivery.barrier) return { taken, stopped_at: index }
    } else if (isEligible(delivery, boundary, currentRunId)) {
      const blocked = (delivery.barrier && skipped) || (delivery.granularity === 'one' && taken.length > 0)
      if (!blocked) taken.push(index)
      if (blocked || delivery.barrier || delivery.granularity === 'one') return { taken, stopped_at: index }
    } else {
      if (delivery.barrier || !mayBeSkipped(delivery, boundary)) return { taken, stopped_at: index }
      skipped = true
    }
  }
  return { taken, stopped_at: null }
}

export type Lane = 'active' | 'new_run'

/** Messages for the open run and messages for a run of their own do not stand in each other's way. */
export function laneOf(delivery: Delivery): Lane {
  return delivery.boundary === 'new_run' ? 'new_run' : 'active'
}

function isEligible(delivery: Delivery, boundary: Boundary, currentRunId: string | undefined): boolean {
  if (delivery.target_run_id !== undefined) {
    if (boundary === 'new_run') {
      if (!delivery.fallback_to_new_run) return false
    } else if (delivery.target_run_id !== currentRunId) return false
  }
  if (delivery.boundary === 'resume_input' || boundary === 'resume_input') return delivery.boundary === boundary
  return RANK[delivery.boundary] <= RANK[boundary]
}

/** An entry of the other lane does not stand in the way; one of the own lane that is not due does. */
function mayBeSkipped(delivery: Delivery, boundary: Boundary): boolean {
  return boundary === 'new_run' ? laneOf(delivery) === 'active' && !delivery.fallback_to_new_run : laneOf(delivery) === 'new_run'
}
