import type { DecisionCommand } from '../command.ts'
import type { DeliveryPath } from '../event.ts'
import type { Json, JsonObject } from '../json.ts'
import { MAX_OUTBOX_BYTES } from '../limits.ts'
import { reject, type Rejection } from '../reply.ts'
import type { DecidedTicket, RunState, ToolCall } from '../state.ts'
import { activeRun, emit, newId, type Draft } from '../draft.ts'
import { finishCall } from './calls.ts'
import { resumeRun } from './runs.ts'
import { settleCalls } from './settle.ts'
import { judge, type Verdict } from './verdict.ts'

/** An answer to an open ticket (source: seed 000, `decide`; the design's table in 4.3). */
export function decideTicket(draft: Draft, command: DecisionCommand): JsonObject | Rejection {
  const run = activeRun(draft.state)
  const call = run?.calls.find((known) => known.ticket !== null && names(command, known.ticket))
  if (run === undefined || call?.ticket == null) return knownDecision(draft, command)
  if (draft.state.unstored.bytes > MAX_OUTBOX_BYTES) {
    return reject('store_unavailable', 'The store is behind; send the decision again in a moment.')
  }
  const verdict = judge(command, call)
  if ('code' in verdict) return verdict
  const { run_id } = run.record
  const { ticket } = call
  const decision_id = command.decision_id ?? newId(draft)
  const path: DeliveryPath = run.record.status === 'waiting' ? 'durable' : 'live'
  const received = record(draft, run, call, command, decision_id, path, verdict)
  resumeRun(draft, run_id, 'decision')
  carryOut(draft, run_id, call, command, verdict, received)
  settleCalls(draft, run_id)
  return {
    thread_id: draft.state.thread_id,
    run_id,
    tool_call_id: ticket.tool_call_id,
    ticket_id: ticket.ticket_id,
    decision_id,
    delivery_path: path,
  }
}

/** Puts the decision into the log; returns the number of the event that holds its payload. */
function record(
  draft: Draft,
  run: RunState,
  call: ToolCall,
  command: DecisionCommand,
  decision_id: string,
  path: DeliveryPath,
  verdict: Verdict,
): number {
  const { run_id } = run.record
  const common = {
    dispatch_id: run.dispatch.dispatch_id,
    ticket_id: call.ticket?.ticket_id ?? '',
    tool_call_id: call.tool_call_id,
    decision_id,
    action: command.action,
    reason: verdict.kind === 'denied' ? verdict.reason : (command.reason ?? null),
    decided_by: command.by ?? null,
    delivery_path: path,
    resume_updated_at: draft.context.now,
  }
  const origin = command.origin ?? 'update'
  const received = emit(draft, {
    kind: 'MailboxDecisionReceived',
    run_id,
    payload: { ...common, result: command.payload ?? null, origin },
  })
  emit(draft, {
    kind: 'ToolPermissionResolved',
    run_id,
    payload: {
      ...common,
      step: call.step,
      ...resolution(verdict, call, received.seq),
    },
  })
  return received.seq
}

/** What a verdict means for its call. `received`: the number of the event that holds the decision's payload. */
export function resolution(verdict: Verdict, call: ToolCall, received: number) {
  return {
    approved: verdict.kind !== 'denied',
    // An outside tool has nothing of its own to run: whatever it is approved with is its answer.
    answered: verdict.kind === 'answered' || (verdict.kind === 'approved' && call.disposition === 'external'),
    edited_args_seq: verdict.kind === 'approved' && verdict.edited ? received : null,
    remember: verdict.kind === 'approved' && verdict.remember,
  }
}

function carryOut(
  draft: Draft,
  run_id: string,
  call: ToolCall,
  command: DecisionCommand,
  verdict: Verdict,
  received: number,
): void {
  if (verdict.kind === 'denied') {
    const who = command.by?.name ?? command.by?.id
    const by = who === undefined ? '' : ` by ${who}`
    const message = verdict.reason === null ? `denied${by}` : `denied${by}: ${verdict.reason}`
    finishCall(draft, run_id, call, { status: 'error', data: { denied: true, reason: verdict.reason }, message })
  } else if (verdict.kind === 'answered') {
    finishCall(draft, run_id, call, {
      status: 'success',
      data: { ref: { from: 'event', seq: received, path: ['result', 'result'] } },
    })
  } else if (call.disposition === 'external') {
    finishCall(draft, run_id, call, { status: 'success', data: { ref: { from: 'event', seq: received, path: ['result'] } } })
  } else if (verdict.remember && !draft.state.allowed_tools.includes(call.tool_name)) {
    const allowed_tools = [...draft.state.allowed_tools, call.tool_name]
    emit(draft, { kind: 'ThreadUpdated', run_id: null, payload: { reason: 'remembered_approval', allowed_tools } })
  }
}

/** No open ticket of this name: decided before, by this very decision or by another, or never asked. */
function knownDecision(draft: Draft, command: DecisionCommand): JsonObject | Rejection {
  const before = draft.state.decided.findLast((known) => names(command, known))
  if (before === undefined) return reject('ticket_not_found', 'No open ticket of this thread has this tool_call_id or ticket_id.')
  if (command.decision_id !== undefined && command.decision_id === before.decision_id) return firstAnswer(draft, before)
  const by: Json = before.decided_by === null ? null : { ...before.decided_by }
  return reject('already_decided', 'This tool call has been decided already.', {
    decision_id: before.decision_id,
    decided_by: by,
    decided_at: new Date(before.decided_at).toISOString(),
  })
}

function firstAnswer(draft: Draft, before: DecidedTicket): JsonObject {
  const { run_id, tool_call_id, ticket_id, decision_id } = before
  return { thread_id: draft.state.thread_id, run_id, tool_call_id, ticket_id, decision_id, delivery_path: 'durable' }
}

function names(command: DecisionCommand, ticket: { ticket_id: string; tool_call_id: string }): boolean {
  return command.ticket_id === ticket.ticket_id || command.tool_call_id === ticket.tool_call_id
}
