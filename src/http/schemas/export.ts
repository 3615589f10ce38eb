import { z } from 'zod'
import { eventSchema } from '../../events/schemas.ts'
import { messageRow } from './messages.ts'
import { pendingRow } from './pending.ts'
import { dispatchRecord, runRecord } from './runs.ts'
import { threadView } from './threads.ts'

const typed = <T extends string>(type: T) => z.object({ type: z.literal(type) })
const counts = z.object({ messages: z.int(), runs: z.int(), dispatches: z.int(), events: z.int(), pending: z.int() })

/** One line of an export. */
export const exportLine = z
  .union([
    typed('thread').extend({ format: z.literal('weft-export/1'), last_seq: z.int(), thread: threadView }),
    typed('message').and(messageRow),
    typed('run').and(runRecord),
    typed('dispatch').and(dispatchRecord),
    typed('event').and(eventSchema),
    typed('pending').and(pendingRow),
    typed('end').extend({ last_seq: z.int(), counts }),
  ])
  .meta({ id: 'ExportLine' })
