import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventJsonSchema } from '../src/events/json-schema.ts'
import { eventsPage } from './events-page.ts'

/** Writes docs/events.md and docs/events.schema.json anew from the schemas: `node scripts/event-docs.ts`. */
const docs = join(import.meta.dirname, '..', 'docs')
writeFileSync(join(docs, 'events.schema.json'), `${JSON.stringify(eventJsonSchema(), null, 2)}\n`)
writeFileSync(join(docs, 'events.md'), await eventsPage())
