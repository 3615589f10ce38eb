import { randomUUID } from 'node:crypto'
import { firstRun, type Begun } from '../src/thread/begin.ts'
import type { CommandInput } from '../src/thread/input.ts'
import type { ThreadRef } from '../src/thread/ports.ts'
import type { ActivityDeps } from './deps.ts'
import { persistFirst } from './persist.ts'

/**
 * No activity: what the process does that takes the first command of a thread, before the engine is asked. What the
 * command leads to is stored and told, so its run has begun and cannot be lost; the thread's workflow is then started
 * from there. Null, and nothing is written, where the thread is there already or the command is refused: then only the
 * thread can answer. Throws StoreUnavailable; nobody knows then whether it was written.
 */
export async function beginThread(
  deps: Pick<ActivityDeps, 'store' | 'bus' | 'settings' | 'observe'>,
  ref: ThreadRef,
  command: CommandInput,
): Promise<Begun | null> {
  const now = Date.now()
  // No execution is there yet to give its name to what is made.
  const first = firstRun(ref, deps.settings, command, { execution: { run_id: randomUUID(), started_at: now }, now })
  if (first === null) return null
  const { batch, answer, state } = first
  return (await persistFirst(deps, batch))?.status === 'stored' ? { answer, state } : null
}
