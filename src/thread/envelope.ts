import type { EventKind, ThreadEvent } from './event.ts'
import { contentParts, messageKind } from './message.ts'
import type { JsonObject } from './json.ts'

/** Of the shape that the log shows events in; counted up when a reader of the one before would misread it. */
export const EVENT_SCHEMA_VERSION = 1

/** A canonical event as the log keeps and shows it. `occurred_at` in ms; `scopes` name the streams it belongs to. */
export type LogEvent = {
  schema_version: typeof EVENT_SCHEMA_VERSION
  event_seq: number
  kind: EventKind
  thread_id: string
  run_id: string | null
  scopes: { type: 'thread' | 'run'; id: string }[]
  visibility: 'public' | 'internal'
  correlation_id: string | null
  causation_id: string | null
  idempotency_key: string
  occurred_at: number
  payload: JsonObject
}

/**
 * The stored form of an event whose references are resolved. Scopes, correlation and idempotency keys follow the
 * source server for its kinds (seed 004): dispatch events are keyed by dispatch and attempt, decisions by run, call
 * and decision, messages by thread, run and message.
 */
export function toLogEvent(thread_id: string, event: ThreadEvent): LogEvent {
  const scopes: LogEvent['scopes'] = [{ type: 'thread', id: thread_id }]
  if (event.run_id !== null) scopes.push({ type: 'run', id: event.run_id })
  const { correlation, key } = identify(thread_id, event)
  return {
    schema_version: EVENT_SCHEMA_VERSION,
    event_seq: event.seq,
    kind: event.kind,
    thread_id,
    run_id: event.run_id,
    scopes,
    visibility: 'public',
    correlation_id: correlation,
    causation_id: event.caused_by ?? null,
    idempotency_key: `${event.kind}/${key}`,
    occurred_at: event.at,
    payload: { thread_id, run_id: event.run_id, ...publicPayload(event) } as JsonObject,
  }
}

function publicPayload(event: ThreadEvent): object {
  if (event.kind !== 'MessageCommitted') return event.payload
  const { content, ...rest } = event.payload
  return { ...rest, content_blocks: contentParts(content), message_kind: messageKind(rest.role, rest.visibility) }
}

function identify(thread_id: string, event: ThreadEvent): { correlation: string | null; key: string } {
  const run = event.run_id ?? thread_id
  switch (event.kind) {
    case 'RunQueued':
    case 'RunStarted':
    case 'RunErrored':
    case 'RunFinished':
    case 'MailboxSubmitFailed':
      return { correlation: event.payload.dispatch_id, key: `${event.payload.dispatch_id}/${event.payload.attempt_count}` }
    case 'RunRescheduled': {
      // The dispatch counts the most attempts of any step, so a later step's retries can have one count.
      const { dispatch_id, attempt_count, step, tool_call_id, attempt } = event.payload
      const what = tool_call_id === undefined ? String(step) : `${step}/${tool_call_id}`
      return { correlation: dispatch_id, key: `${dispatch_id}/${attempt_count}/${what}/${attempt}` }
    }
    // These can come more than once in an attempt, so their number is part of the key.
    case 'RunResumed':
    case 'RunInterrupted':
    case 'MailboxTimeout':
    case 'MailboxResumeFailed':
      return {
        correlation: event.payload.dispatch_id,
        key: `${event.payload.dispatch_id}/${event.payload.attempt_count}/${event.seq}`,
      }
    case 'RunWaiting':
      return { correlation: event.payload.dispatch_id, key: `${run}/${event.seq}` }
    case 'MessageCommitted':
      return { correlation: event.run_id, key: `${thread_id}/${run}/${event.payload.message_id}` }
    case 'ThreadMessagesCheckpointed':
      return {
        correlation: event.run_id,
        key: `${thread_id}/${run}/${event.payload.message_seq_start}-${event.payload.message_seq_end}`,
      }
    case 'MailboxDecisionReceived':
    case 'ToolPermissionResolved':
      return { correlation: event.payload.decision_id, key: `${run}/${event.payload.tool_call_id}/${event.payload.decision_id}` }
    case 'ToolPermissionRequested':
      return { correlation: event.run_id, key: `${run}/${event.payload.ticket.ticket_id}` }
    case 'ToolPermissionExpired':
      return { correlation: event.run_id, key: `${run}/${event.payload.ticket_id}` }
    case 'ToolCallReady':
    case 'ToolCallDone':
    case 'ToolCallCancelled':
      return { correlation: event.run_id, key: `${run}/${event.payload.step}/${event.payload.tool_call_id}` }
    case 'InferenceCompleted':
      return { correlation: event.run_id, key: `${run}/${event.payload.step}/${event.payload.attempt}` }
    case 'PendingDelivered':
    case 'PendingUndelivered':
    case 'PendingRetracted':
      return { correlation: event.run_id, key: `${thread_id}/${event.payload.pending_id}` }
    // These can come more than once for one message.
    case 'PendingEdited':
    case 'PendingHeld':
    case 'PendingReleased':
      return { correlation: event.run_id, key: `${thread_id}/${event.payload.pending_id}/${event.seq}` }
    case 'CommandRejected':
      return { correlation: event.payload.command_id, key: `${thread_id}/${event.seq}` }
    case 'ThreadForked':
      return { correlation: null, key: thread_id }
    case 'PendingReordered':
    case 'QueueParked':
    case 'QueueResumed':
    case 'ThreadUpdated':
      return { correlation: null, key: `${thread_id}/${event.seq}` }
  }
}
