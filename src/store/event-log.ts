import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { EVENT_SCHEMA_VERSION, toLogEvent, type LogEvent } from '../thread/envelope.ts'
import type { ThreadEvent } from '../thread/event.ts'
import { canonicalJson, type JsonObject } from '../thread/json.ts'

/** A row of the log; its scopes follow from thread and run. */
export type EventRow = Omit<LogEvent, 'schema_version' | 'event_seq' | 'thread_id' | 'scopes'> & { seq: number }

export const eventColumns = sql.raw(
  'e.seq, e.kind, e.run_id, e.occurred_at, e.visibility, e.correlation_id, e.causation_id, e.idempotency_key, e.payload',
)

/** What tells a repeat from another event under the same number: the event as the thread gave it. */
export function eventHash(event: ThreadEvent): string {
  return createHash('sha256').update(canonicalJson(event)).digest('base64')
}

/** The row of an event whose references are resolved. `lost`: the references that led nowhere (see resolve-refs.ts). */
export function toEventRow(thread_id: string, event: ThreadEvent, lost: string[]): EventRow {
  const {
    schema_version: _version,
    event_seq,
    thread_id: _thread,
    scopes: _scopes,
    payload,
    ...rest
  } = toLogEvent(thread_id, event)
  return { seq: event_seq, ...rest, payload: lost.length === 0 ? payload : { ...payload, lost } }
}

export function toStoredEvent(thread_id: string, row: EventRow): LogEvent {
  const scopes: LogEvent['scopes'] = [{ type: 'thread', id: thread_id }]
  if (row.run_id !== null) scopes.push({ type: 'run', id: row.run_id })
  return {
    schema_version: EVENT_SCHEMA_VERSION,
    event_seq: row.seq,
    kind: row.kind,
    thread_id,
    run_id: row.run_id,
    scopes,
    visibility: row.visibility,
    correlation_id: row.correlation_id,
    causation_id: row.causation_id,
    idempotency_key: row.idempotency_key,
    occurred_at: row.occurred_at,
    payload: row.payload as JsonObject,
  }
}
