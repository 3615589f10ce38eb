import { z } from 'zod'
import { EVENT_SCHEMA_VERSION } from '../thread/envelope.ts'
import type { EventKind } from '../thread/event.ts'
import { ABOUT } from './about.ts'
import { id, sequence, timestamp } from './fields.ts'
import { messagePayloads } from './messages.ts'
import { outOfRange } from './ranges.ts'
import { runPayloads } from './runs.ts'
import { toolPayloads } from './tools.ts'

/**
 * The canonical events as HTTP shows them: one schema a kind, all of version `EVENT_SCHEMA_VERSION`. That they agree
 * with the core's payloads is checked when they are compiled (agreement.ts).
 */

/** One schema a kind of what is its own in the payload; `thread_id`, `run_id` and `lost` come to it in every kind. */
export const PAYLOAD_SCHEMAS = { ...runPayloads, ...messagePayloads, ...toolPayloads } satisfies Record<EventKind, z.ZodObject>
export type EventPayloads = { [K in EventKind]: z.output<(typeof PAYLOAD_SCHEMAS)[K]> }

export const EVENT_KINDS = Object.keys(PAYLOAD_SCHEMAS) as EventKind[]

export function isEventKind(name: string): name is EventKind {
  return Object.hasOwn(PAYLOAD_SCHEMAS, name)
}

const stream = {
  thread_id: id,
  run_id: id.nullable(),
  lost: z
    .array(z.string())
    .optional()
    .meta({ description: 'Places in the payload whose values could not be found when it was stored' }),
}

const scopes = z
  .array(z.object({ type: z.enum(['thread', 'run']), id }))
  .min(1)
  .meta({ id: 'EventScopes', description: 'The streams that it belongs to: its thread, and its run where it has one' })

/** The whole event of one kind. */
function eventOf<K extends EventKind>(kind: K, payload: (typeof PAYLOAD_SCHEMAS)[K]) {
  return z
    .object({
      schema_version: z.literal(EVENT_SCHEMA_VERSION),
      event_seq: sequence,
      kind: z.literal(kind),
      thread_id: id,
      run_id: id.nullable(),
      scopes,
      visibility: z.enum(['public', 'internal']),
      correlation_id: z.string().nullable(),
      causation_id: z.string().nullable(),
      idempotency_key: id,
      occurred_at: timestamp,
      cursor: id.meta({ description: 'Opaque; belongs to the list or stream that it came with' }),
      payload: z.object({ ...stream, ...(payload.shape as object) }) as unknown as z.ZodType<
        EventPayloads[K] & z.output<z.ZodObject<typeof stream>>
      >,
    })
    .superRefine((event, context) => {
      const payload = event.payload as { thread_id: string; run_id: string | null }
      for (const message of outOfRange(kind, event, payload)) context.addIssue({ code: 'custom', message })
    })
    .meta({ id: `${kind}Event`, description: ABOUT[kind].says })
}

export type PublicEvent = { [K in EventKind]: z.output<ReturnType<typeof eventOf<K>>> }[EventKind]

export const EVENT_SCHEMAS = Object.fromEntries(
  EVENT_KINDS.map((kind) => [kind, eventOf(kind, PAYLOAD_SCHEMAS[kind] as never)]),
) as unknown as { [K in EventKind]: z.ZodType<Extract<PublicEvent, { kind: K }>> }

/** Any event, told apart by `kind`. */
export const eventSchema = z
  .discriminatedUnion('kind', Object.values(EVENT_SCHEMAS) as unknown as [z.core.$ZodTypeDiscriminable])
  .meta({ id: 'Event', description: 'A canonical event' }) as unknown as z.ZodType<PublicEvent>
