import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventsPage } from '../../scripts/events-page.ts'
import { ABOUT } from '../../src/events/about.ts'
import { eventJsonSchema } from '../../src/events/json-schema.ts'
import { EVENT_KINDS, EVENT_SCHEMAS } from '../../src/events/schemas.ts'
import { presentEvent } from '../../src/http/present.ts'
import { ROOT } from '../support/sources.ts'
import { stories } from './stories.ts'

const read = (path: string): string => readFileSync(join(ROOT, 'docs', path), 'utf8')

test('docs/events.schema.json is what the schemas say; `node scripts/event-docs.ts` writes it', () => {
  expect(JSON.parse(read('events.schema.json'))).toEqual(JSON.parse(JSON.stringify(eventJsonSchema())))
})

test('the JSON Schema has every kind, and lets no field of theirs be closed to newer ones', () => {
  const { $defs } = eventJsonSchema() as { $defs: Record<string, any> }
  for (const kind of EVENT_KINDS) expect($defs[`${kind}Event`].properties.kind).toEqual({ type: 'string', const: kind })
  expect(JSON.stringify($defs)).not.toContain('"additionalProperties":false')
})

test('a reader that checks with an older schema takes events with more fields', () => {
  const [event] = stories()['talk'] ?? []
  if (event === undefined) throw new Error('there is no event')
  const shown = { ...presentEvent(event, 'thread:t1'), later: 1 }
  expect(EVENT_SCHEMAS[event.kind].safeParse(shown).success).toBe(true)
})

test('docs/events.md is what the schemas say, and has every kind', async () => {
  expect(read('events.md')).toBe(await eventsPage())
  const sections = new Set([...read('events.md').matchAll(/^### (\w+)$/gm)].map(([, kind]) => kind))
  expect([...EVENT_KINDS].filter((kind) => !sections.has(kind))).toEqual([])
})

test('the keys and correlations that the page tells are those of real events', () => {
  for (const event of Object.values(stories()).flat()) {
    const { key, correlation } = ABOUT[event.kind]
    const { run_id, thread_id, event_seq } = event
    const facts: any = { ...event.payload, thread_id, run_id, event_seq, run: run_id ?? thread_id }
    const told = (template: string): string =>
      template
        .replace(/\[(.*\{(\w+)\})\]/, (_, part: string, field: string) => (facts[field] === undefined ? '' : part))
        .replaceAll(/\{([\w.]+)\}/g, (_, path: string) => path.split('.').reduce((value, name) => value[name], facts))
    expect(told(`${event.kind}/${key}`)).toBe(event.idempotency_key)
    if (event.kind === 'CommandRejected' || run_id === null) continue
    expect(correlation === null ? null : told(correlation)).toBe(event.correlation_id)
  }
})
