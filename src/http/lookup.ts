import type { ThreadRef } from '../thread/ports.ts'
import type { RunRecord } from '../thread/records.ts'
import type { LookedUp, ThreadRow } from '../store/store.ts'
import { keyedId } from './idempotency.ts'
import type { HttpContext } from './options.ts'
import { HttpProblem } from './problems.ts'

/** Finds what a request names, or throws the problem that says it is not there. */

export function refOf(context: HttpContext, thread_id: string): ThreadRef {
  return { tenant: context.tenant, thread_id }
}

/** Throws `thread_not_found` or `thread_deleted`. */
export async function requireThread(context: HttpContext, id: string): Promise<ThreadRow> {
  const row = await context.store.threads.get(context.tenant, id)
  if (row === null) throw threadNotFound()
  if (row === 'deleted') throw threadDeleted()
  return row
}

/**
 * Whether the thread is there, and what the store has of an earlier command with this key, at once. Throws
 * `thread_deleted`, and `thread_not_found` where it must be there.
 */
export async function lookUpThread(
  context: HttpContext,
  ref: ThreadRef,
  { route, key, required }: { route: string; key: string | null; required: boolean },
): Promise<LookedUp> {
  const found = await context.store.engine.lookUp(ref, key === null ? null : keyedId(ref.tenant, route, key))
  if (found.thread === 'deleted') throw threadDeleted()
  if (required && found.thread === null) throw threadNotFound()
  return found
}

/** Nobody has had an id that was only just made up. */
export const NEW_THREAD: LookedUp = { thread: null, command: null }

/** No command has come to it yet, so there is nothing that it could have forgotten. */
export function isUntouched({ thread }: LookedUp): boolean {
  return thread === null || thread === 'empty'
}

function threadNotFound(): HttpProblem {
  return new HttpProblem('thread_not_found', 'There is no thread with this id.')
}

export function threadDeleted(): HttpProblem {
  return new HttpProblem('thread_deleted', 'This thread was deleted; its id cannot be used again.')
}

/** Throws `run_not_found`. */
export async function requireRun(context: HttpContext, run_id: string): Promise<RunRecord> {
  const run = await context.store.conversation.getRun(context.tenant, run_id)
  // Two threads may have a run of one id; a token that reads one of them must not be shown the other's.
  const { thread_id } = context.principal
  if (run === null || (thread_id !== null && run.thread_id !== thread_id))
    throw new HttpProblem('run_not_found', 'There is no run with this id.')
  return run
}

/** Cancels and decisions take a run's, a dispatch's or a thread's id. `run`: null where a thread was named. */
export type Target = { ref: ThreadRef; run: RunRecord | null }

/** `first`: what the address says the id is; it is looked for first. Throws `run_not_found` or `thread_not_found`. */
export async function requireTarget(context: HttpContext, id: string, first: 'run' | 'thread'): Promise<Target> {
  const byRun = async (): Promise<Target | null> => {
    const run = await context.store.conversation.findRun(context.tenant, id)
    return run === null ? null : { ref: refOf(context, run.thread_id), run }
  }
  const byThread = async (): Promise<Target | null> => {
    const row = await context.store.threads.get(context.tenant, id)
    if (row === 'deleted') throw threadDeleted()
    return row === null ? null : { ref: refOf(context, row.id), run: null }
  }
  const found = first === 'run' ? ((await byRun()) ?? (await byThread())) : ((await byThread()) ?? (await byRun()))
  if (found !== null) return found
  throw new HttpProblem(first === 'run' ? 'run_not_found' : 'thread_not_found', 'No run, dispatch or thread has this id.')
}

/** Throws `unknown_agent` for an agent that the configuration does not have. */
export function checkAgent(context: HttpContext, agent_id: string | undefined): void {
  const known = context.agents().map(({ id }) => id)
  if (agent_id === undefined || known.includes(agent_id)) return
  throw new HttpProblem('unknown_agent', `There is no agent "${agent_id}". See GET /v1/agents for those there are.`, { agent_id })
}
