import { toLogEvent, type LogEvent } from '../../thread/envelope.ts'
import type { ThreadEvent } from '../../thread/event.ts'
import type { HttpContext } from '../options.ts'

/**
 * The end of a run that its log does not tell, because the event was dropped for its age or is lost: as the run's
 * record has it. Null for a run that has not ended.
 */
export async function toldEnd(context: HttpContext, thread_id: string, run_id: string): Promise<LogEvent | null> {
  const { conversation, threads } = context.store
  const run = await conversation.getRun(context.tenant, run_id, thread_id).catch(() => null)
  if (run?.status !== 'done' || run.termination === null) return null
  const thread = await threads.get(context.tenant, thread_id).catch(() => null)
  if (thread === null || thread === 'deleted') return null
  const seq = thread.last_seq
  const tail = await conversation.listEvents(context.tenant, { thread_id, after_seq: seq - 1, limit: 1 }).catch(() => null)
  const { dispatch_id, termination, final_output, steps, usage, error, created_at } = run
  // The frame stands at the end of the log, and so does its cursor.
  const at = tail?.events[0]?.occurred_at ?? run.finished_at ?? run.updated_at
  const facts = {
    ...{ dispatch_id, dispatch_epoch: 0, attempt_count: 1, status: 'acked' as const },
    ...{ available_at: created_at, created_at, updated_at: at },
  }
  const base = { seq, at, run_id }
  const event: ThreadEvent =
    error === null
      ? { ...base, kind: 'RunFinished', payload: { ...facts, termination, final_output, steps, usage } }
      : { ...base, kind: 'RunErrored', payload: { ...facts, code: error.code, error: error.message, termination } }
  return toLogEvent(thread_id, event)
}
