import { z } from 'zod'
import { EVENT_SCHEMA_VERSION } from '../thread/envelope.ts'
import { eventSchema } from './schemas.ts'

let made: object | null = null

/**
 * JSON Schema (2020-12) of any event, with one definition a kind. It is open: readers must take fields that they do
 * not know, since a version may get more of them. Rules between fields (docs/events.md) are not in it.
 */
export function eventJsonSchema(): object {
  if (made !== null) return made
  const { $schema, ...schema } = z.toJSONSchema(eventSchema, { io: 'input', target: 'draft-2020-12' })
  made = {
    $schema,
    title: `Canonical events of Weft, version ${String(EVENT_SCHEMA_VERSION)}`,
    ...schema,
  }
  return made
}
