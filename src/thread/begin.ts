import { nextBatch, stored } from './batch.ts'
import { hash128 } from './ids.ts'
import { applyInput, type CommandInput, type Input, type Moment } from './input.ts'
import { next } from './next.ts'
import type { LoadResult, ModelStepInput, ThreadBatch, ThreadRef } from './ports.ts'
import type { Answer } from './reply.ts'
import { inShort, type Packed } from './packed.ts'
import type { ThreadSettings, ThreadState } from './state.ts'
import { emptyThread, fromStore } from './state-init.ts'
import { jsonSize } from './json.ts'

/** What waits for a thread that is being loaded, in order: whoever loads it can store what comes of that at once. */
export type Begin = { inputs: Input[]; moment: Moment }

/** More than this would take longer to hand over than a write of its own takes. */
const MOST_INPUTS = 50
const MOST_BYTES = 262_144

/** Whether so much may go along with the loading. */
export function mayGoAlong(inputs: readonly Input[]): boolean {
  return inputs.length > 0 && inputs.length <= MOST_INPUTS && jsonSize(inputs) <= MOST_BYTES
}

/**
 * The first batch of a thread that was just loaded; null where there is none. The thread itself comes to the same one,
 * from the same inputs at the same moment, and finds it stored.
 */
export function firstBatch(
  ref: ThreadRef,
  loaded: Extract<LoadResult, { status: 'loaded' }>,
  { inputs, moment }: Begin,
): ThreadBatch | null {
  const state = inputs.reduce((next, input) => applyInput(next, input, moment).state, fromStore(ref, loaded))
  const batch = state.needs_reconcile === null ? nextBatch(state) : null
  // The end of a run belongs to the trace of its beginning, of which only the thread's own writes know.
  return batch === null || batch.ended.length > 0 ? null : batch
}

/**
 * What an execution begins with: the state that the one before hands over, with the inputs that are not known to be
 * stored; or only the word that nothing was under way, and then the thread is loaded from the store. Without any of it,
 * whatever the thread was doing is gone with the workflow that did it. `first`: the state is that of a thread whose first
 * run was stored a moment ago, at `begun_at`. Should another life have had it since, nobody knows what that was doing.
 */
export type ThreadInput = Partial<HandOver> & { first?: boolean; begun_at?: number; handed_over?: boolean }
export type HandOver = { state: Packed<ThreadState>; inputs: Input[] }

/** A start takes no longer, unless the engine was away and was asked again and again (ms). */
const START_MS = 5_000

/** Whether a first run's start comes so late that the thread may have been through it, or be deleted: it is loaded then. */
export function startsLate({ first = false, begun_at }: ThreadInput, started_at: number): boolean {
  return first && begun_at !== undefined && started_at - begun_at > START_MS
}

/** What the first command of a thread led to: its answer, and the state that its workflow begins with. */
export type Begun = { answer: Answer; state: Packed<ThreadState> }

/**
 * What the first command of a thread leads to that is nowhere yet: its first batch, under its first epoch, the command's
 * answer, and the thread once that is stored. Null where the command is refused or leads to nothing: then the thread
 * itself must say so.
 */
export function firstRun(
  ref: ThreadRef,
  settings: ThreadSettings,
  command: CommandInput,
  moment: Moment,
): (Begun & { batch: ThreadBatch }) | null {
  const nothing = { ...emptyThread(ref.tenant, ref.thread_id, settings), epoch: 1 }
  const { state, answer } = applyInput(nothing, command, moment)
  const batch = nextBatch(state)
  if (answer?.ok !== true || batch === null || batch.ended.length > 0) return null
  return { batch, answer, state: inShort(stored(state, batch)) }
}

/**
 * The first model step of a run that begins with this batch: once that is stored, the thread wants it, and nothing else
 * can come before. Null where no run begins with it, or something comes before its step.
 */
export function firstStep(batch: ThreadBatch, settings: ThreadSettings, now: number): ModelStepInput | null {
  const { tenant, thread_id, events, snapshot } = batch
  const begins = events.some(({ kind, run_id }) => kind === 'RunStarted' && run_id === snapshot.active_run_id)
  if (!begins) return null
  // What waits in its queue is not in this state, and makes no difference to a run that is open.
  const [effect] = next({ ...emptyThread(tenant, thread_id, settings), ...snapshot }, now).effects
  return effect?.type === 'model_step' && !effect.cancel ? effect.input : null
}

/** What a batch says, in short: what goes to an activity goes as JSON, and not all that comes in is the same after that. */
export function markOf({ last_seq, events, ledger }: ThreadBatch): string {
  return hash128(JSON.stringify([last_seq, events, ledger]))
}
