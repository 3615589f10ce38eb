import { currentUpdateInfo, workflowInfo } from '@temporalio/workflow'
import { answered, applyInput, type CommandInput, type Execution, type Input, type Moment } from '../src/thread/input.ts'
import type { Via } from '../src/thread/receive.ts'
import type { Answer } from '../src/thread/reply.ts'
import type { ThreadState } from '../src/thread/state.ts'

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
  take(state: ThreadState, input: Input, moment = thisMoment()): { state: ThreadState; answer: Answer | null } {
    const taken = applyInput(state, input, moment)
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
    return this.#inputs.reduce((next, input) => applyInput(next, input, thisMoment()).state, state)
  }
}

/** What is applied now, in this execution. */
export function thisMoment(): Moment {
  return { execution: thisExecution(), now: Date.now() }
}

function thisExecution(): Execution {
  const { originalExecutionRunId, startTime } = workflowInfo()
  return { run_id: originalExecutionRunId, started_at: startTime.getTime() }
}
