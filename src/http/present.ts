import type { LogEvent } from '../thread/envelope.ts'
import { isObject, type Json, type JsonObject } from '../thread/json.ts'
import type { DispatchRecord, RunRecord, Ticket } from '../thread/records.ts'
import type { MessageRow, PendingRow, Receipt, ThreadRow, TicketRow } from '../store/store.ts'
import { eventCursor } from './cursors.ts'

/** Rows as HTTP shows them: snake_case, RFC 3339 times, no tenant. */

/** RFC 3339 in UTC with milliseconds. */
export function time(ms: number): string {
  return new Date(ms).toISOString()
}

function timeOrNull(ms: number | null): string | null {
  return ms === null ? null : time(ms)
}

export function presentThread(row: ThreadRow, workflow_id: string): JsonObject {
  return {
    id: row.id,
    metadata: { title: row.title, created_at: time(row.created_at), updated_at: time(row.updated_at), custom: row.custom },
    resource_id: row.resource_id,
    parent_thread_id: row.parent_thread_id,
    forked_from:
      row.forked_from_thread_id === null ? null : { thread_id: row.forked_from_thread_id, at_message_seq: row.forked_at_seq },
    expires_after_s: row.expires_after_s,
    status: row.status,
    agent_id: row.agent_id,
    active_run_id: row.active_run_id,
    message_count: row.message_count,
    queue_revision: row.queue_revision,
    parked: row.parked,
    last_event_seq: row.last_seq,
    workflow_id,
  }
}

export function presentSummary(row: ThreadRow): JsonObject {
  const { id, resource_id, parent_thread_id, title, agent_id } = row
  return { id, resource_id, parent_thread_id, title, updated_at: time(row.updated_at), agent_id }
}

export function presentTicket(ticket: Ticket): JsonObject {
  const { expires_at, ...rest } = ticket
  const shown = { ...rest, created_at: time(ticket.created_at) } as JsonObject
  return expires_at === undefined ? shown : { ...shown, expires_at: time(expires_at) }
}

export function presentRun(run: RunRecord): JsonObject {
  const waiting = run.waiting && {
    reason: run.waiting.reason,
    tickets: run.waiting.tickets.map(presentTicket),
    since: time(run.waiting.since),
  }
  return {
    ...(run as unknown as JsonObject),
    waiting,
    created_at: time(run.created_at),
    started_at: timeOrNull(run.started_at),
    finished_at: timeOrNull(run.finished_at),
    updated_at: time(run.updated_at),
  }
}

export function presentDispatch(dispatch: DispatchRecord): JsonObject {
  return {
    ...dispatch,
    available_at: time(dispatch.available_at),
    created_at: time(dispatch.created_at),
    updated_at: time(dispatch.updated_at),
    completed_at: timeOrNull(dispatch.completed_at),
  }
}

export function presentMessage(row: MessageRow): JsonObject {
  return { id: row.message_id, ...(row as unknown as JsonObject), created_at: time(row.created_at) }
}

export function presentPending(row: PendingRow): JsonObject {
  const { pending_id, position, revision, role, content, visibility, metadata, delivery, agent_id, for_run_id } = row
  const { held_until = null } = row
  return {
    pending_id,
    position,
    revision,
    role,
    content: content as Json,
    visibility,
    metadata: metadata ?? null,
    delivery: delivery as JsonObject,
    agent_id,
    run_id: for_run_id ?? delivery.target_run_id ?? null,
    held_until: timeOrNull(held_until),
    created_at: time(row.created_at),
  }
}

export function presentReceipt(receipt: Receipt): JsonObject {
  return { ...(receipt as unknown as JsonObject), at: time(receipt.at) }
}

/** An open ticket of any thread: where it is, and the ticket as in the run's record. */
export function presentOpenTicket({ thread_id, run_id, agent_id, ticket }: TicketRow): JsonObject {
  return { thread_id, run_id, agent_id, ...presentTicket(ticket) }
}

/** A canonical event with its cursor in the given scope (`thread:<id>` or `run:<id>`). */
export function presentEvent(event: LogEvent, scope: string): JsonObject {
  return {
    ...(event as unknown as JsonObject),
    occurred_at: time(event.occurred_at),
    cursor: eventCursor(scope, event.event_seq, event.occurred_at),
    payload: presentPayload(event.payload),
  }
}

/** Times inside a payload stand in fields that end in `_at`, and in its tickets; what clients wrote stays as it is. */
function presentPayload(payload: JsonObject): JsonObject {
  const shown: JsonObject = {}
  for (const [key, value] of Object.entries(payload)) {
    if (key.endsWith('_at') && typeof value === 'number') shown[key] = time(value)
    else if (key === 'ticket' && isObject(value)) shown[key] = presentTicket(value as Ticket)
    else if (key === 'tickets' && Array.isArray(value))
      shown[key] = value.map((ticket) => presentTicket(ticket as unknown as Ticket))
    else shown[key] = value
  }
  return shown
}
