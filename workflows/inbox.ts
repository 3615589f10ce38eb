import { currentUpdateInfo, workflowInfo } from '@temporalio/workflow'
import type { Context } from '../src/thread/command.ts'
import { react } from '../src/thread/decide.ts'
import type { Report } from '../src/thread/ports.ts'
import { receive, turnAway, type Via } from '../src/thread/receive.ts'
import type { Answer, Rejection } from '../src/thread/reply.ts'
import type { ThreadState } from '../src/thread/state.ts'

/** One thing that has come in: a command from outside, or an effect's report. */
export type Input = CommandInput | ({ kind: 'report'; report: Report } & Origin)
export type CommandInput = {
  kind: 'command'
  type: string
  raw: unknown
  via: Via
  delivery_id: string
  /** It was refused with this, before the thread was there or on top of another state. */
  turned_away?: Rejection
} & Origin
/** The execution that it came to, where that was an earlier one: it gives the ids of what the input creates. */
type Origin = { from?: Execution }
type Execution = { run_id: string; started_at: number }

/** While a thread asks for a repair. */
const MAX_KEPT_REFUSALS = 200

/**
 * What has come in and is not known to be stored. A workflow task can be lost after its local activity has written:
 * it is done again later, with other times and perhaps more input, and the store then holds an earlier version of the
 * same facts. The thread is loaded again in that case, and what the store has not seen is applied once more.
 */
export class Inbox {
  #inputs: Input[] = []
  #signals = 0

  command(type: string, raw: unknown, via: Via): CommandInput {
    // Both names are the same when the history is replayed, the task is done again, or the workflow is reset.
    const delivery_id =
      via === 'update'
        ? (currentUpdateInfo()?.id ?? '')
        : `${workflowInfo().originalExecutionRunId}/signal-${String(++this.#signals)}`
    return { kind: 'command', type, raw, via, delivery_id }
  }

  /** Applies one input, and remembers it if it had an effect. Only a command has an answer. */
  take(state: ThreadState, input: Input): { state: ThreadState; answer: Answer | null } {
    const taken = apply(state, input)
    const told = answered(input, taken.answer)
    // A thread that asks for a repair changes nothing, but its refusals must outlast it.
    const kept = told !== input && state.needs_reconcile !== null && this.#inputs.length < MAX_KEPT_REFUSALS
    if (taken.state !== state || kept) this.#inputs.push(told)
    return taken
  }

  /**
   * What the next execution must know if it is handed a state that is not all stored. An earlier try of the task may have
   * stored other facts under the same numbers; then the next one loads the thread and applies these once more.
   */
  unconfirmed(): Input[] {
    return this.#inputs.map((input) => ({ ...input, from: input.from ?? thisExecution() }))
  }

  /** Takes over what the execution before could not confirm; its state has it already. */
  carryOn(inputs: readonly Input[]): void {
    this.#inputs = [...inputs]
  }

  get length(): number {
    return this.#inputs.length
  }

  /** The first `count` inputs are stored with everything they led to. */
  confirm(count: number): void {
    this.#inputs.splice(0, count)
  }

  /** The unconfirmed inputs on top of another state, and before them one that comes first. */
  replayAfter(state: ThreadState, first: Input): ThreadState {
    this.#inputs.unshift(first)
    return this.replay(state)
  }

  /** The unconfirmed inputs on top of another state. The ledger and the reports' own numbers keep out what it has. */
  replay(state: ThreadState): ThreadState {
    return this.#inputs.reduce((next, input) => apply(next, input).state, state)
  }
}

/** A caller was told that it is refused: on top of whatever state it comes again, it must not be applied. */
function answered(input: Input, answer: Answer | null): Input {
  if (input.kind === 'report' || input.via === 'signal' || answer === null || answer.ok) return input
  return { ...input, turned_away: answer.rejection }
}

function apply(state: ThreadState, input: Input): { state: ThreadState; answer: Answer | null } {
  if (input.kind === 'report')
    return { state: react(state, input.report, contextOf(`event-${String(state.event_seq)}`, input.from)), answer: null }
  const context = { ...contextOf(input.delivery_id, input.from), delivery_id: input.delivery_id }
  if (input.turned_away !== undefined)
    return { state: turnAway(state, input.type, input.raw, input.turned_away, context), answer: null }
  return receive(state, input.type, input.raw, input.via, context)
}

function contextOf(name: string, { run_id, started_at }: Execution = thisExecution()): Context {
  return { now: Date.now(), seed: `${run_id}/${name}`, id_time: started_at }
}

function thisExecution(): Execution {
  const { originalExecutionRunId, startTime } = workflowInfo()
  return { run_id: originalExecutionRunId, started_at: startTime.getTime() }
}
