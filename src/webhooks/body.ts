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

/** Of a run's final output, in UTF-8. */
const MAX_OUTPUT_BYTES = 65_536

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
    if (field === 'final_output') Object.assign(data, outputOf(value))
  }
  return JSON.stringify({ id, type, timestamp: time(occurred_at), data })
}

/** Nobody wants megabytes posted at them that the run's record has as well. */
function outputOf(value: Json): JsonObject {
  if (typeof value !== 'string' || Buffer.byteLength(value) <= MAX_OUTPUT_BYTES)
    return { final_output: value, final_output_truncated: false }
  const bytes = new TextEncoder().encodeInto(value, new Uint8Array(MAX_OUTPUT_BYTES))
  return { final_output: value.slice(0, bytes.read), final_output_truncated: true }
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
