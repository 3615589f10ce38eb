import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventJsonSchema } from '../../src/events/json-schema.ts'
import { EVENT_KINDS, EVENT_SCHEMAS } from '../../src/events/schemas.ts'
import { presentEvent } from '../../src/http/present.ts'
import { ROOT } from '../support/sources.ts'
import { stories } from './stories.ts'

const read = (path: string): string => readFileSync(join(ROOT, 'docs', path), 'utf8')

test('docs/events.schema.json is what the schemas say; `node scripts/event-schema.ts` writes it', () => {
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

test('docs/events.md has a row for every kind', () => {
  const rows = new Set([...read('events.md').matchAll(/^\| `(\w+)` /gm)].map(([, kind]) => kind))
  expect([...EVENT_KINDS].filter((kind) => !rows.has(kind))).toEqual([])
})
