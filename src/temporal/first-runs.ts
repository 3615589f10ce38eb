import type { Begun, ThreadInput } from '../thread/begin.ts'
import type { Command } from '../thread/command.ts'
import type { CommandInput } from '../thread/input.ts'
import { jsonSize } from '../thread/json.ts'
import type { ThreadRef } from '../thread/ports.ts'
import { ThreadUnavailable, type Delivered } from './gateway.ts'

/**
 * A first run could not be stored before the start; one try to start its thread failed, and there is another; or it is
 * not known to be started in the end.
 */
export type Trouble = 'not_begun' | 'start_failed' | 'not_started'

export type FirstRuns = {
  /** Stores and tells what the first command of a thread leads to. Null where that is for the thread alone. */
  begin: (ref: ThreadRef, command: CommandInput) => Promise<Begun | null>
  onTrouble?: (ref: ThreadRef, trouble: Trouble, error: unknown) => void
}

/** A store that takes longer to begin a thread is left to the workflow, which can go on without it, and in time. */
const BEGIN_MS = 250
/** A larger state is loaded by the workflow: what it is started with stays in its history. */
const MOST_STATE_BYTES = 64 * 1024

/** The ways to the engine. */
export type Ways = {
  /**
   * Starts the workflow with what it is to begin with; null: it loads the thread. False where it runs already. Throws
   * what keeps it from that.
   */
  start: (input: ThreadInput | null) => Promise<boolean>
  /** Sends the command itself, which starts the workflow where it does not run. */
  send: () => Promise<Delivered>
}

/**
 * Sends the first command of a thread: it is stored first, and the workflow is then started from there, with nothing to
 * be told. One that runs already is sent the command. What is stored has begun, whatever becomes of the start, which the sweep makes up for; so that is the answer,
 * also where the engine has none or refuses. Throws what `send` throws where nothing is stored.
 */
export async function sendFirst(
  { begin, onTrouble = () => undefined }: FirstRuns,
  { ref, command, delivery_id }: { ref: ThreadRef; command: Command; delivery_id: string },
  { start, send }: Ways,
): Promise<Delivered> {
  const { type, ...raw } = command
  const begun_at = Date.now()
  const stored = begin(ref, { kind: 'command', type, raw, via: 'update', delivery_id })
  const begun = await inTime(stored).catch((error: unknown) => {
    onTrouble(ref, 'not_begun', error)
    return 'unknown' as const
  })
  if (begun === null) return send()
  if (begun === 'unknown') {
    const answer = await send()
    // Perhaps it is stored all the same, and then nobody must hear that it is not.
    if (!answer.ok && answer.rejection.code === 'store_unavailable') throw new ThreadUnavailable(answer.rejection.message)
    return answer
  }
  const delivered = { ...begun.answer, repeated: false, delivery_id }
  try {
    if (await start(startingFrom(begun.state, begun_at))) return delivered
    // Whoever has started it finds the run in the store, and to it the command is a repeat. But where the store was set
    // back, one lives on that knows nothing of it.
    const answer = await send()
    return !answer.ok && answer.rejection.code === 'thread_deleted' ? answer : delivered
  } catch (error) {
    onTrouble(ref, 'not_started', error)
    return delivered
  }
}

/** Null: the workflow is to load the thread. */
function startingFrom(state: Begun['state'], begun_at: number): ThreadInput | null {
  return jsonSize(state) <= MOST_STATE_BYTES ? { state, inputs: [], first: true, begun_at } : null
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('The store did not answer in time.')), BEGIN_MS)
  })
  return await Promise.race([work, late]).finally(() => clearTimeout(timer))
}
