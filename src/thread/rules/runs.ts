import type { EventOf } from '../event.ts'
import { deriveId } from '../ids.ts'
import type { JsonObject } from '../json.ts'
import { MAX_STEP_ATTEMPTS } from '../limits.ts'
import type { RunOverrides, Termination } from '../records.ts'
import type { RunState } from '../state.ts'
import { dispatchFacts, emit, newId, type Draft } from '../draft.ts'

/** A run's record from its allocation to its end. What follows from an end is in ends.ts. */

export type NewRun = {
  run_id?: string | undefined
  agent_id: string
  parent_run_id?: string | undefined
  retry_of?: string | undefined
  transport_request_id?: string | undefined
  metadata?: JsonObject | undefined
  overrides: RunOverrides | null
}

/** Allocates a run: `created`, its dispatch `queued`. */
export function queueRun(draft: Draft, run: NewRun): string {
  const run_id = run.run_id ?? newId(draft)
  const { now } = draft.context
  emit(draft, {
    kind: 'RunQueued',
    run_id,
    payload: {
      // A run that is named after a message may come up in two threads; its dispatch must not.
      dispatch_id: run.run_id === undefined ? deriveId(run_id, 'dispatch') : newId(draft),
      dispatch_epoch: draft.state.dispatch_epoch,
      attempt_count: 1,
      max_attempts: MAX_STEP_ATTEMPTS,
      status: 'queued',
      available_at: now,
      created_at: now,
      updated_at: now,
      agent_id: run.agent_id,
      parent_run_id: run.parent_run_id ?? null,
      retry_of: run.retry_of ?? null,
      transport_request_id: run.transport_request_id ?? null,
      metadata: run.metadata ?? null,
      overrides: run.overrides,
    },
  })
  return run_id
}

/** Makes a queued run the open one. Its input is committed right after. */
export function startRun(draft: Draft, run_id: string): void {
  const run = draft.state.runs[run_id]
  if (run === undefined) return
  emit(draft, {
    kind: 'RunStarted',
    run_id,
    payload: { ...dispatchFacts(draft, run, { status: 'claimed' }), agent_id: run.record.agent_id },
  })
}

/** The run goes on after a wait, if it was waiting. */
export function resumeRun(draft: Draft, run_id: string, reason: 'decision' | 'input' | 'expiry'): void {
  const run = draft.state.runs[run_id]
  if (run?.record.status !== 'waiting') return
  emit(draft, { kind: 'RunResumed', run_id, payload: { ...dispatchFacts(draft, run), reason } })
}

/** The event of an end that is no error. */
export function finish(draft: Draft, run: RunState, termination: Termination): void {
  const answered = hasAnswer(termination) && run.final_output_ref !== null
  const payload: EventOf<'RunFinished'>['payload'] = {
    ...dispatchFacts(draft, run, { status: dispatchEnd(termination) }),
    termination,
    final_output: null,
    steps: run.record.steps,
    usage: run.record.usage,
  }
  if (!answered || run.final_output_ref === null) {
    emit(draft, { kind: 'RunFinished', run_id: run.record.run_id, payload })
    return
  }
  const ref = { from: 'staged' as const, run_id: run.record.run_id, ...run.final_output_ref, part: 'text', optional: true }
  emit(draft, { kind: 'RunFinished', run_id: run.record.run_id, payload, refs: [{ at: ['final_output'], ref }] })
}

/** Whether a run that ended so has a final output. */
export function hasAnswer(termination: Termination | null): boolean {
  return termination?.type === 'natural_end' || termination?.type === 'stopped'
}

function dispatchEnd(termination: Termination): 'acked' | 'cancelled' | 'superseded' {
  if (termination.type === 'superseded' || termination.type === 'coalesced') return 'superseded'
  return termination.type === 'cancelled' ? 'cancelled' : 'acked'
}
