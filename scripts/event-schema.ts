import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventJsonSchema } from '../src/events/json-schema.ts'

/** Writes docs/events.schema.json anew: `node scripts/event-schema.ts`. */
writeFileSync(join(import.meta.dirname, '..', 'docs', 'events.schema.json'), `${JSON.stringify(eventJsonSchema(), null, 2)}\n`)
