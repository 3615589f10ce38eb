import type { Context } from './command.ts'
import type { DispatchFacts, EventDraft, ThreadEvent } from './event.ts'
import { evolve } from './evolve.ts'
import { evolveRun } from './evolve-run.ts'
import { createId } from './ids.ts'
import { jsonSize } from './json.ts'
import type { RunState, ThreadState } from './state.ts'

/**
 * A decision in the making: the events so far and the state after them, so that each rule sees what the rules
 * before it have done. Local to one call of `decide`; the states themselves are never changed.
 */
export type Draft = {
  state: ThreadState
  readonly events: ThreadEvent[]
  readonly context: Context
  readonly caused_by: string | undefined
  ids: number
}

export function openDraft(state: ThreadState, context: Context, caused_by?: string): Draft {
  return { state, events: [], context, caused_by, ids: 0 }
}

/** Numbers an event, applies it and puts it among the unstored. */
export function emit(draft: Draft, event: EventDraft): ThreadEvent {
  const numbered = { ...event, seq: draft.state.event_seq + 1, at: draft.context.now } as ThreadEvent
  if (draft.caused_by !== undefined) numbered.caused_by = draft.caused_by
  draft.events.push(numbered)
  draft.state = record(draft.state, numbered)
  return numbered
}

/** `evolve`, and the event kept until it is stored. The record of a run that it ends is kept with it. */
export function record(state: ThreadState, event: ThreadEvent): ThreadState {
  const { unstored } = state
  const run = event.run_id === null ? undefined : evolveRun(state.runs[event.run_id], event, state.thread_id)
  const ended = run?.record.status === 'done' ? [...unstored.ended, { seq: event.seq, run }] : unstored.ended
  const events = [...unstored.events, event]
  return { ...evolve(state, event), unstored: { ...unstored, events, ended, bytes: unstored.bytes + jsonSize(event) } }
}

/** An id that no other thing has; the same when the decision is made again. */
export function newId(draft: Draft): string {
  draft.ids += 1
  return createId(draft.context.id_time, draft.context.seed, draft.ids)
}

/** What a scheduling event says of the run's dispatch, with what it changes. */
export function dispatchFacts(draft: Draft, run: RunState, change: Partial<DispatchFacts> = {}): DispatchFacts {
  const { dispatch } = run
  return {
    dispatch_id: dispatch.dispatch_id,
    dispatch_epoch: Math.max(dispatch.dispatch_epoch, draft.state.dispatch_epoch),
    attempt_count: dispatch.attempt_count,
    status: dispatch.status,
    available_at: dispatch.available_at,
    created_at: dispatch.created_at,
    updated_at: draft.context.now,
    ...change,
  }
}

export function activeRun(state: ThreadState): RunState | undefined {
  return state.active_run_id === null ? undefined : state.runs[state.active_run_id]
}
