import type { Command, Context } from './command.ts'
import { openDraft, type Draft } from './draft.ts'
import type { ThreadEvent } from './event.ts'
import type { JsonObject } from './json.ts'
import type { Report } from './ports.ts'
import type { Rejection } from './reply.ts'
import { adopted } from './rules/adopt.ts'
import { overfull, roomFor } from './rules/admission.ts'
import { cancel, interrupt, resumeQueue } from './rules/control.ts'
import { decideTicket } from './rules/decision.ts'
import { editPending, holdPending, releasePending, reorderPending, retractPending } from './rules/edit.ts'
import { modelDone } from './rules/step.ts'
import { submit } from './rules/submit.ts'
import { loaded, tick } from './rules/time.ts'
import { toolDone } from './rules/tools.ts'
import type { ThreadState } from './state.ts'

/** `state` is `evolve` folded over `events`; a rejection leaves both as they were. */
export type Decision = { state: ThreadState; events: ThreadEvent[]; result: JsonObject | Rejection }

/** What one command does to a thread. Pure: the same state, command and context give the same decision. */
export function decide(state: ThreadState, command: Command, context: Context): Decision {
  const draft = openDraft(state, context, command.command_id)
  const applied = roomFor(state, command) ?? apply(draft, command)
  const result = isRejection(applied) ? applied : (overfull(state, draft.state, command) ?? applied)
  return isRejection(result) ? { state, events: [], result } : { state: draft.state, events: draft.events, result }
}

function apply(draft: Draft, command: Command): JsonObject | Rejection {
  switch (command.type) {
    case 'submit':
      return submit(draft, command)
    case 'interrupt':
      return interrupt(draft, command)
    case 'resume_queue':
      return resumeQueue(draft)
    case 'cancel':
      return cancel(draft, command)
    case 'decision':
      return decideTicket(draft, command)
    case 'edit_pending':
      return editPending(draft, command)
    case 'retract_pending':
      return retractPending(draft, command)
    case 'reorder_pending':
      return reorderPending(draft, command)
    case 'hold_pending':
      return holdPending(draft, command)
    case 'release_pending':
      return releasePending(draft, command)
    case 'wake':
      return { thread_id: draft.state.thread_id }
  }
}

/** What a report of an effect, or the passing of time, does to a thread. A report that is out of date does nothing. */
export function react(state: ThreadState, report: Report, context: Context): ThreadState {
  // What is known of such a thread is not what the store has: nothing may be built on it.
  if (state.needs_reconcile !== null) return state
  const draft = openDraft(state, context)
  switch (report.type) {
    case 'loaded':
      loaded(draft)
      break
    case 'adopted':
      adopted(draft, report.beyond)
      break
    case 'model_done':
      modelDone(draft, report)
      break
    case 'tool_done':
      toolDone(draft, report)
      break
    case 'tick':
      tick(draft)
      break
  }
  return draft.state
}

/** Tells a refusal from an outcome: only a refusal has a `code` and a `message`. */
export function isRejection(result: JsonObject | Rejection): result is Rejection {
  return 'code' in result && 'message' in result
}
