import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { ABOUT, GROUPS } from '../src/events/about.ts'
import { dispatchFacts } from '../src/events/fields.ts'
import { eventJsonSchema } from '../src/events/json-schema.ts'
import { scopeOf } from '../src/events/ranges.ts'
import { EVENT_SCHEMA_VERSION } from '../src/thread/envelope.ts'
import type { EventKind } from '../src/thread/event.ts'

type Schema = {
  $ref?: string
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  description?: string
}

/** docs/events.md: what the schemas say, for people. */
export async function eventsPage(): Promise<string> {
  const { $defs } = eventJsonSchema() as { $defs: Record<string, Schema> }
  const sections = GROUPS.map(({ title, kinds }) => `## ${title}\n\n${kinds.map((kind) => section(kind, $defs)).join('\n')}`)
  const shared = [
    'PendingDelivery',
    'Ticket',
    'RunTermination',
    'Usage',
    'PinnedOverrides',
    'ContentPart',
    'Decider',
    'DispatchStatus',
  ]
  const shapes = shared.map((name) => `- \`${name}\`: ${shape($defs[name] ?? {})}`)
  const text = [HEAD, ...sections, `## Shapes\n\n${shapes.join('\n')}\n`].join('\n')
  const config = await resolveConfig(join(import.meta.dirname, '..', 'docs', 'events.md'))
  return format(text, { ...config, parser: 'markdown' })
}

function section(kind: EventKind, $defs: Record<string, Schema>): string {
  const { says, key, correlation } = ABOUT[kind]
  const { properties = {}, required = [] } = $defs[`${kind}Event`]?.properties?.['payload'] ?? {}
  const left = new Set([
    ...COMMON,
    ...(Object.keys(dispatchFacts).every((name) => name in properties) ? Object.keys(dispatchFacts) : []),
  ])
  const dispatch = left.size > COMMON.length ? ['the dispatch facts'] : []
  const own = Object.entries(properties).filter(([name]) => !left.has(name))
  const fields = own.map(([name, schema]) => `\`${name}${required.includes(name) ? '' : '?'}\` ${typeOf(schema)}`)
  const list = [...dispatch, ...fields].join(', ')
  const correlated = correlation === null ? 'none' : `\`${correlation}\``
  return `### ${kind}\n\n${says}\n\n- Payload: ${list}\n- Scope: ${SCOPES[scopeOf(kind)]}. Key: \`${kind}/${key}\`. Correlation: ${correlated}\n`
}

const COMMON = ['thread_id', 'run_id', 'lost']
const SCOPES = { thread: 'the thread', run: 'the run', either: 'the run, or only the thread where there is no run' }

/** A type in a few characters. */
function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined)
    return schema.$ref.replace('#/$defs/', '').replace(/^(Json|Timestamp)$/, (name) => PLAIN[name] ?? name)
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(' \\| ')
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) return choices.map(typeOf).join(' \\| ')
  if (schema.items !== undefined) return `list of ${typeOf(schema.items)}`
  if (schema.properties !== undefined) return shape(schema)
  if (Array.isArray(schema.type)) return schema.type.join(' \\| ')
  return schema.type === 'object' ? 'object' : (schema.type ?? 'any JSON')
}

const PLAIN: Readonly<Record<string, string>> = { Json: 'any JSON', Timestamp: 'time' }

function shape(schema: Schema): string {
  const { properties, required = [] } = schema
  if (properties === undefined) return typeOf(schema)
  const fields = Object.entries(properties).map(
    ([name, inner]) => `${name}${required.includes(name) ? '' : '?'}: ${typeOf(inner)}`,
  )
  return `{ ${fields.join(', ')} }`
}

const HEAD = `# Events

<!-- Written by \`node scripts/event-docs.ts\` from src/events; changes here are lost. -->

A thread's log is its canonical events: each one fact, immutable, numbered from 1 without gaps. Everything else (messages, run records, streams, every protocol) is a projection of it. They come from \`GET /v1/threads/{id}/events\` and \`/v1/runs/{id}/events\`, from their streams, and from an export. The same as JSON Schema: [events.schema.json](events.schema.json). As types: \`PublicEvent\` and \`EventPayloads\` of \`src/events/schemas.ts\`.

## The envelope

| field             | what it says                                                                                               |
| ----------------- | ---------------------------------------------------------------------------------------------------------- |
| \`schema_version\`  | ${String(EVENT_SCHEMA_VERSION)}. Fields may be added to a version; one that a reader of the version before would misread raises it. Take fields that you do not know |
| \`event_seq\`       | its number in the thread                                                                                   |
| \`kind\`            | one of those below                                                                                         |
| \`thread_id\`, \`run_id\` | where it belongs; \`run_id\` is null where there is no run                                           |
| \`scopes\`          | the streams that it is in: its thread's, and its run's                                                     |
| \`visibility\`      | \`public\` or \`internal\`; so far all are public                                                          |
| \`correlation_id\`  | what it has to do with, by kind                                                                            |
| \`causation_id\`    | the command that led to it, where that had an id (an \`Idempotency-Key\` is part of one)                   |
| \`idempotency_key\` | unique in the thread: the fact that it stands for                                                          |
| \`occurred_at\`     | when the thread decided it                                                                                 |
| \`cursor\`          | goes on behind it; opaque, and good only for the list or stream that it came with                          |
| \`payload\`         | by kind; always with \`thread_id\` and \`run_id\`, and with \`lost\` where a value could not be found when it was stored |

Times are RFC 3339 in UTC with milliseconds. The dispatch facts are \`dispatch_id\`, \`dispatch_epoch\` (counts the interrupts of the thread), \`attempt_count\` (the highest attempt of its steps so far), \`status\`, \`available_at\`, \`created_at\`, \`updated_at\`. In a key, \`{run}\` is the run's id, or the thread's where there is no run, and what stands in brackets is left out where there is no such field.

## What always holds

One validator (\`test/support/check-log.ts\`) checks these on every log that the tests leave behind:

- Every event is as its schema says, and: a checkpoint's count, ids and numbers agree; the first message, and no other, has no parent; a run's end and its dispatch's status fit; a dispatch has no more attempts than it may; a call's outcome and its result's status fit; no ticket or message is named twice in one event; scopes, payload and envelope name the same thread and run.
- Numbers have no gap, keys no repeat, and no value is lost.
- Every message is committed once, after the one before it, and is in one checkpoint of its run.
- A run is queued before it starts, starts once, waits and goes on in turn, and has one end, after which nothing is said of it. One run of a thread is open at a time. Its steps and attempts count up.
- A call is ready before anything else is said of it, has one result, and that result is one message; no model is asked and no run ends before.
- A ticket is open from its request until it is decided, expires or its call ends; a decision is received before it is carried out.
- A pending message is in the queue from its delivery until it is committed, retracted or undelivered, and nothing is said of it before or after; it is not committed while it is held.
`
