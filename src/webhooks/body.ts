import type { EventKind } from '../thread/event.ts'
import { isObject, type Json, type JsonObject } from '../thread/json.ts'
import { WEBHOOK_EVENTS } from './events.ts'

/** An event of the log, as far as a webhook tells of it; `occurred_at` in ms. */
export type ToldEvent = {
  delivery_id: string
  thread_id: string
  run_id: string | null
  seq: number
  kind: EventKind
  occurred_at: number
  payload: JsonObject
}

const FIELDS: Partial<Record<EventKind, string[]>> = {
  RunFinished: ['termination', 'final_output', 'steps', 'usage'],
  RunErrored: ['termination', 'code', 'error'],
  RunWaiting: ['reason', 'tickets'],
  QueueParked: ['pending_count'],
}

/** The JSON text that is sent, the same at every try: `{id, type, timestamp, data: {thread_id, run_id, event_seq, …}}`. */
export function webhookBody({ delivery_id: id, thread_id, run_id, seq, kind, occurred_at, payload }: ToldEvent): string {
  const [type = kind] = Object.entries(WEBHOOK_EVENTS).find(([, known]) => known === kind) ?? []
  const data: JsonObject = { thread_id, run_id, event_seq: seq }
  for (const field of FIELDS[kind] ?? []) {
    const value = payload[field] ?? null
    data[field] = field === 'tickets' && Array.isArray(value) ? value.map(withTimes) : value
  }
  return JSON.stringify({ id, type, timestamp: time(occurred_at), data })
}

function withTimes(ticket: Json): Json {
  if (!isObject(ticket)) return ticket
  const entries = Object.entries(ticket).map(([key, value]) =>
    key.endsWith('_at') && typeof value === 'number' ? [key, time(value)] : [key, value],
  )
  return Object.fromEntries(entries) as JsonObject
}

function time(ms: number): string {
  return new Date(ms).toISOString()
}
