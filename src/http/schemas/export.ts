import { z } from 'zod'
import { EVENT_SCHEMAS } from '../../events/schemas.ts'
import { messageRow } from './messages.ts'
import { pendingRow } from './pending.ts'
import { dispatchRecord, runRecord } from './runs.ts'
import { threadView } from './threads.ts'

const typed = <T extends string>(type: T) => z.object({ type: z.literal(type) })
/** A row with its type beside its own fields: of two schemas that both have to fit, each would refuse the other's. */
const row = <T extends string>(type: T, { shape }: z.ZodObject) => z.object({ type: z.literal(type), ...shape })
const events = Object.values(EVENT_SCHEMAS).map((one) =>
  (one as unknown as z.ZodObject).safeExtend({ type: z.literal('event') }),
) as unknown as [z.core.$ZodTypeDiscriminable]
const counts = z.object({ messages: z.int(), runs: z.int(), dispatches: z.int(), events: z.int(), pending: z.int() })

/** One line of an export. */
export const exportLine = z
  .union([
    typed('thread').extend({ format: z.literal('weft-export/1'), last_seq: z.int(), thread: threadView }),
    row('message', messageRow),
    row('run', runRecord),
    row('dispatch', dispatchRecord),
    z.discriminatedUnion('kind', events),
    row('pending', pendingRow),
    typed('end').extend({ last_seq: z.int(), counts }),
  ])
  .meta({ id: 'ExportLine' })
