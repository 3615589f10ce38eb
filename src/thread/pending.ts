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
export const BOUNDARIES: readonly Boundary[] = ['interrupt', 'next_step', 'on_natural_end', 'resume_input', 'new_run']

/** Opportunities in order; one that was missed falls forward, never backward. `resume_input` stands outside. */
const RANK: Record<Exclude<Boundary, 'resume_input'>, number> = { interrupt: 0, next_step: 1, on_natural_end: 2, new_run: 4 }

/** The parts of a pending entry that the selection looks at. */
export type Selectable = { pending_id: string; delivery: Delivery }

/**
 * The indexes, ascending, that a freeze at `boundary` takes from the queue. `currentRunId` is the run that freezes;
 * entries targeted at another run are not for it.
 */
export function selectPendingForFreeze(pending: readonly Selectable[], boundary: Boundary, currentRunId?: string): number[] {
  const taken: number[] = []
  let skipped = false
  for (const [index, { delivery }] of pending.entries()) {
    if (isEligible(delivery, boundary, currentRunId)) {
      if (delivery.barrier && skipped) break
      if (delivery.granularity === 'one' && taken.length > 0) break
      taken.push(index)
      if (delivery.barrier || delivery.granularity === 'one') break
    } else {
      if (delivery.barrier || !mayBeSkipped(delivery, boundary)) break
      skipped = true
    }
  }
  return taken
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
  return boundary === 'new_run'
    ? delivery.boundary !== 'new_run' && !delivery.fallback_to_new_run
    : delivery.boundary === 'new_run'
}
