import { toLogEvent, type LogEvent } from '../../thread/envelope.ts'
import type { ThreadEvent } from '../../thread/event.ts'
import type { HttpContext } from '../options.ts'

/**
 * The end of a run that its log does not tell, because the event was dropped for its age or is lost: as the run's
 * record has it. Null for a run that has not ended.
 */
export async function toldEnd(context: HttpContext, thread_id: string, run_id: string): Promise<LogEvent | null> {
  const { conversation } = context.store
  const [run, log] = await Promise.all([
    conversation.getRun(context.tenant, run_id, thread_id).catch(() => null),
    conversation.listEvents(context.tenant, { thread_id, after_seq: Number.MAX_SAFE_INTEGER, limit: 1 }).catch(() => null),
  ])
  if (run?.status !== 'done' || run.termination === null || log === null) return null
  const { dispatch_id, termination, final_output, steps, usage, error, created_at } = run
  const at = run.finished_at ?? run.updated_at
  const facts = {
    ...{ dispatch_id, dispatch_epoch: 0, attempt_count: 1, status: 'acked' as const },
    ...{ available_at: created_at, created_at, updated_at: at },
  }
  const base = { seq: log.last_seq, at, run_id }
  const event: ThreadEvent =
    error === null
      ? { ...base, kind: 'RunFinished', payload: { ...facts, termination, final_output, steps, usage } }
      : { ...base, kind: 'RunErrored', payload: { ...facts, code: error.code, error: error.message, termination } }
  return toLogEvent(thread_id, event)
}
