import { z } from 'zod'
import { threadId, timestamp } from './common.ts'

const counts = z.record(z.string(), z.int())

export const reconcileBody = z.object({ thread_id: threadId.optional() })
export const reconcileStarted = z
  .object({
    id: z.string(),
    already_running: z.boolean().meta({ description: 'One was under way, perhaps for other threads; this is its id' }),
  })
  .meta({ id: 'ReconcileStarted' })
export const reconcileStatus = z
  .object({
    id: z.string(),
    status: z.enum(['running', 'done', 'failed']),
    thread_id: z.string().nullable(),
    threads_seen: z.int(),
    mended: counts.meta({ description: 'Rows put in or set right, by kind; `woken` and `adopted` count threads' }),
    dropped: counts.meta({ description: 'Rows that were too old to be kept, by kind' }),
    lost: z.array(
      z.object({
        thread_id: z.string(),
        what: z.enum(['events', 'messages', 'run', 'pending', 'state']),
        from_seq: z.int(),
        to_seq: z.int(),
        ref: z.string().optional(),
        kinds: z.array(z.string()).optional(),
        reason: z.string().optional(),
        found_at: timestamp.optional(),
      }),
    ),
  })
  .meta({ id: 'ReconcileStatus' })
