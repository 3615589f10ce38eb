import type {
  CommandBase,
  EditPendingCommand,
  Expected,
  HoldPendingCommand,
  ReleasePendingCommand,
  ReorderPendingCommand,
  RetractPendingCommand,
} from '../command.ts'
import type { Decider } from '../event.ts'
import type { JsonObject } from '../json.ts'
import { reject, type Rejection } from '../reply.ts'
import type { Departed, PendingEntry, ThreadState } from '../state.ts'
import { emit, type Draft } from '../draft.ts'
import { entryView } from '../entry-view.ts'
import { endEmptyRuns } from './freeze.ts'
import { lookAtQueue } from './queue.ts'
import { finish } from './runs.ts'
import { retract, runOf } from './targets.ts'

/** What people do to messages that no model has read yet (the design's 4.1 and 4.2; revisions: seed 001). */

/** New wording in the same place. */
export function editPending(draft: Draft, command: EditPendingCommand): JsonObject | Rejection {
  const entry = find(draft.state, command.pending_id)
  if ('code' in entry) return entry
  const refusal = guard(draft.state, entry, command.expected_revision)
  if (refusal !== null) return refusal
  const { pending_id, revision, role, visibility, metadata } = entry
  const before = { role, visibility, ...(metadata === undefined ? {} : { metadata }) }
  emit(draft, {
    kind: 'PendingEdited',
    run_id: runOf(entry),
    payload: { pending_id, revision: revision + 1, reason: 'edited', ...before, ...command.message, edited_by: author(command) },
  })
  return outcome(draft.state, pending_id)
}

/** Takes a message back. A run that was queued for it alone ends with it. Answers with the entry as it was. */
export function retractPending(draft: Draft, command: RetractPendingCommand): JsonObject | Rejection {
  const entry = find(draft.state, command.pending_id)
  if ('code' in entry) return entry
  const refusal = guard(draft.state, entry, command.expected_revision)
  if (refusal !== null) return refusal
  const pending = entryView(draft.state, entry)
  retract(draft, entry, author(command))
  endEmptyRuns(draft, [entry], (run) => {
    finish(draft, run, { type: 'cancelled' })
  })
  lookAtQueue(draft)
  return { thread_id: draft.state.thread_id, pending, queue_revision: draft.state.queue_revision }
}

/** Puts the whole queue into another order. */
export function reorderPending(draft: Draft, command: ReorderPendingCommand): JsonObject | Rejection {
  const { queue, queue_revision, thread_id } = draft.state
  const pending_ids = queue.map((entry) => entry.pending_id)
  const { expected_queue_revision: expected } = command
  if (expected === undefined) return unguarded('expected_queue_revision', 'queue')
  if (!isExpected(expected, queue_revision)) {
    const text = `The queue has changed: its revision is ${String(queue_revision)}. Look at it again, then reorder it.`
    return reject('revision_conflict', text, { queue_revision, pending_ids })
  }
  if (!isPermutation(command.pending_ids, pending_ids)) {
    return reject('invalid_command', 'pending_ids must name every pending message exactly once.', { queue_revision, pending_ids })
  }
  if (command.pending_ids.some((id, index) => id !== pending_ids[index])) {
    emit(draft, {
      kind: 'PendingReordered',
      run_id: null,
      payload: { pending_ids: command.pending_ids, reordered_by: author(command) },
    })
  }
  lookAtQueue(draft)
  return { thread_id, queue_revision: draft.state.queue_revision }
}

/** Keeps a message from being read for a while; again: for a while from now. */
export function holdPending(draft: Draft, command: HoldPendingCommand): JsonObject | Rejection {
  const entry = find(draft.state, command.pending_id)
  if ('code' in entry) return entry
  const { pending_id } = entry
  const payload = { pending_id, expires_at: draft.context.now + command.ttl_ms, held_by: author(command) }
  emit(draft, { kind: 'PendingHeld', run_id: runOf(entry), payload })
  const held = outcome(draft.state, pending_id)
  // What it stood in the way of need not wait for it any more.
  lookAtQueue(draft)
  return { ...held, queue_revision: draft.state.queue_revision }
}

/** Lets it go before its time. One that nobody holds stays as it is. */
export function releasePending(draft: Draft, command: ReleasePendingCommand): JsonObject | Rejection {
  const entry = find(draft.state, command.pending_id)
  if ('code' in entry) return entry
  const { pending_id } = entry
  if (entry.held_until === undefined) return outcome(draft.state, pending_id)
  const payload = { pending_id, reason: 'released' as const, released_by: author(command) }
  emit(draft, { kind: 'PendingReleased', run_id: runOf(entry), payload })
  const released = outcome(draft.state, pending_id)
  lookAtQueue(draft)
  return { ...released, queue_revision: draft.state.queue_revision }
}

function find(state: ThreadState, pending_id: string): PendingEntry | Rejection {
  const entry = state.queue.find((known) => known.pending_id === pending_id)
  if (entry !== undefined) return entry
  const left = state.departed.findLast((known) => known.pending_id === pending_id)
  return left === undefined ? reject('pending_not_found', 'No pending message of this thread has this id.') : gone(left)
}

function gone({ pending_id, state, run_id, step, message_seq, reason }: Departed): Rejection {
  if (state === 'consumed') {
    const text = `The message has been read: by run "${run_id ?? ''}" in step ${String(step ?? 1)}. Send another to add to it.`
    return reject('already_consumed', text, { pending_id, run_id, step: step ?? null, message_seq: message_seq ?? null })
  }
  const text = state === 'retracted' ? 'The message was retracted.' : `The message was not delivered: ${reason ?? 'unknown'}.`
  return reject('pending_gone', `${text} Send it again if it is still wanted.`, {
    pending_id,
    state,
    run_id,
    reason: reason ?? null,
  })
}

/** Nobody may change what they have not seen. */
function guard(state: ThreadState, entry: PendingEntry, expected: Expected | undefined): Rejection | null {
  if (expected === undefined) return unguarded('expected_revision', 'message')
  if (isExpected(expected, entry.revision)) return null
  const { pending_id, revision } = entry
  const text = `The message has changed: its revision is ${String(revision)}. Look at it again, then send your change.`
  const { queue_revision } = state
  return reject('revision_conflict', text, { pending_id, revision, queue_revision, pending: entryView(state, entry) })
}

function isExpected(expected: Expected, revision: number): boolean {
  if (typeof expected === 'object') return expected.includes(revision)
  return expected === 'any' || expected === revision
}

function unguarded(field: string, what: string): Rejection {
  return reject('precondition_required', `Give ${field}: the revision of the ${what} that you have seen.`)
}

function isPermutation(given: readonly string[], wanted: readonly string[]): boolean {
  const known = new Set(wanted)
  return given.length === wanted.length && new Set(given).size === given.length && given.every((id) => known.has(id))
}

function author({ by }: CommandBase): Decider | null {
  return by ?? null
}

function outcome(state: ThreadState, pending_id: string): JsonObject {
  const entry = state.queue.find((known) => known.pending_id === pending_id)
  const pending = entry === undefined ? null : entryView(state, entry)
  return { thread_id: state.thread_id, pending, queue_revision: state.queue_revision }
}
