import type { Payloads, PayloadRef, ValueRef } from '../event.ts'
import { deriveId } from '../ids.ts'
import type { Json } from '../json.ts'
import type { ToolResultPart } from '../message.ts'
import type { Ticket, WaitingReason } from '../records.ts'
import type { ToolCall } from '../state.ts'
import { emit, type Draft } from '../draft.ts'
import { commitMessages } from './messages.ts'

/** What one tool call comes to. Every call gets exactly one result message, so the transcript stays valid. */

export type CallResult = {
  status: 'success' | 'error'
  /** The value itself, or where it is found when the event is stored. */
  data: Json | { ref: ValueRef }
  message?: string | undefined
}

/** Records a call's result, good or bad, and commits it as a tool message. */
export function finishCall(draft: Draft, run_id: string, call: ToolCall, result: CallResult): void {
  const message_id = toolMessageId(run_id, call)
  const { value, ref } = splitData(result.data)
  const shown: Payloads['ToolCallDone']['result'] = { tool_name: call.tool_name, status: result.status, data: value }
  if (result.message !== undefined) shown.message = result.message
  emit(draft, {
    kind: 'ToolCallDone',
    run_id,
    payload: {
      step: call.step,
      tool_call_id: call.tool_call_id,
      tool_name: call.tool_name,
      message_id,
      outcome: result.status === 'success' ? 'succeeded' : 'failed',
      result: shown,
    },
    ...(ref === undefined ? {} : { refs: [{ at: ['result', 'data'], ref }] }),
  })
  commitResult(draft, run_id, call, message_id, result)
}

/** A call that will not get a result any more; the transcript says why. */
export function cancelCall(draft: Draft, run_id: string, call: ToolCall, reason: string): void {
  const message_id = toolMessageId(run_id, call)
  emit(draft, {
    kind: 'ToolCallCancelled',
    run_id,
    payload: { step: call.step, tool_call_id: call.tool_call_id, tool_name: call.tool_name, message_id, reason },
  })
  commitResult(draft, run_id, call, message_id, {
    status: 'error',
    data: { cancelled: true, reason },
    message: `cancelled: ${reason}`,
  })
}

/** Opens a ticket: the call waits until a person or a program decides. */
export function openTicket(
  draft: Draft,
  run_id: string,
  call: ToolCall,
  ask: { reason: WaitingReason; arguments: Json; expires_in_ms: number | null },
): void {
  const { now } = draft.context
  const calls = draft.state.runs[run_id]?.calls.map(({ tool_call_id }) => tool_call_id) ?? []
  const label = `ticket/${String(call.step)}/${call.tool_call_id}/${String(call.attempt)}`
  const ticket: Ticket = {
    // Those of one step are opened in the same moment: whoever lists tickets gets them as the model asked.
    ticket_id: deriveId(run_id, label, Math.max(0, calls.indexOf(call.tool_call_id))),
    tool_call_id: call.tool_call_id,
    tool_name: call.tool_name,
    arguments: ask.arguments,
    reason: ask.reason,
    created_at: now,
    ...(ask.expires_in_ms === null ? {} : { expires_at: now + ask.expires_in_ms }),
  }
  const refs = argumentRefs(run_id, call, ticket, ['ticket', 'arguments'])
  emit(draft, {
    kind: 'ToolPermissionRequested',
    run_id,
    payload: { step: call.step, ticket },
    ...(refs.length === 0 ? {} : { refs }),
  })
}

/** Where a ticket's arguments are found, when they are too large to stand in it. */
export function argumentRefs(run_id: string, call: ToolCall, ticket: Ticket, at: string[]): PayloadRef[] {
  if (!call.arguments_staged || ticket.arguments !== null) return []
  const part = `args:${call.tool_call_id}`
  return [{ at, ref: { from: 'staged', run_id, step: call.step, attempt: call.model_attempt, part } }]
}

function commitResult(draft: Draft, run_id: string, call: ToolCall, message_id: string, result: CallResult): void {
  const { value, ref } = splitData(result.data)
  const part: ToolResultPart = {
    type: 'tool_result',
    tool_call_id: call.tool_call_id,
    tool_name: call.tool_name,
    status: result.status,
    data: value,
    ...(result.message === undefined ? {} : { message: result.message }),
  }
  const refs: PayloadRef[] = ref === undefined ? [] : [{ at: ['content', '0', 'data'], ref }]
  commitMessages(draft, run_id, [
    { message_id, role: 'tool', content: [part], step: call.step, ...(ref === undefined ? {} : { refs }) },
  ])
}

function splitData(data: CallResult['data']): { value: Json; ref?: ValueRef } {
  if (typeof data === 'object' && data !== null && !Array.isArray(data) && 'ref' in data && isRef(data.ref))
    return { value: null, ref: data.ref }
  return { value: data as Json }
}

function isRef(value: unknown): value is ValueRef {
  return typeof value === 'object' && value !== null && 'from' in value
}

/** The id of the message that carries a call's result, and the id that the tool sees. */
export function toolMessageId(run_id: string, call: { step: number; tool_call_id: string }): string {
  return deriveId(run_id, `tool/${String(call.step)}/${call.tool_call_id}`)
}

/** The id of the assistant message of a step: the same for all its attempts. */
export function stepMessageId(run_id: string, step: number): string {
  return deriveId(run_id, `step/${String(step)}`)
}
