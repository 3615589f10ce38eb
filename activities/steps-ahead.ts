import { AsyncLocalStorage } from 'node:async_hooks'
import { isDeepStrictEqual } from 'node:util'
import type { ModelStepInput, ModelStepResult } from '../src/thread/ports.ts'
import type { StopWatch } from './stop-watch.ts'

/** A model step at work. `result` settles as the activity does that it is of. */
export type StepUnderWay = { watch: StopWatch; result: Promise<ModelStepResult> }

/** So many wait for their activity at most; what comes on top begins with it, as the engine bounds what a worker does. */
const MOST = 8
/** An activity comes within milliseconds, or the engine is away and nobody knows when. */
const KEPT_MS = 2_000

/**
 * Model steps that are begun before the engine has asked for them. Once a run is stored its first step is certain, and
 * the engine takes some 10 to 20 ms to say so; the model can work meanwhile. The step's activity then takes over what is
 * under way. Where it does not come, the call ends and was for nothing; what it has staged is nobody's answer.
 *
 * Only for a process that is the only worker: otherwise another one may be given the activity, and calls the model too.
 */
export class StepsAhead {
  readonly #steps = new Map<string, { input: ModelStepInput; step: StepUnderWay; timer: NodeJS.Timeout }>()
  /** What begins a step is no part of it, and its activity is yet to come. */
  readonly #outside = AsyncLocalStorage.snapshot()
  readonly #kept_ms: number

  constructor(kept_ms = KEPT_MS) {
    this.#kept_ms = kept_ms
  }

  begin(input: ModelStepInput, start: (input: ModelStepInput) => StepUnderWay): void {
    // Whoever stored the run has something to say to the engine first.
    setImmediate(() => this.#begin(input, start))
  }

  #begin(input: ModelStepInput, start: (input: ModelStepInput) => StepUnderWay): void {
    const key = keyOf(input)
    if (this.#steps.size >= MOST || this.#steps.has(key)) return
    const step = this.#outside(start, input)
    // Where nobody takes it, nobody hears of its failure.
    step.result.catch(() => undefined)
    const timer = setTimeout(() => {
      this.#steps.delete(key)
      step.watch.abandon()
    }, this.#kept_ms)
    this.#steps.set(key, { input, step, timer: timer.unref() })
  }

  /** What is under way for this activity; null if it must begin by itself. */
  take(input: ModelStepInput): StepUnderWay | null {
    const key = keyOf(input)
    const ahead = this.#steps.get(key)
    if (ahead === undefined) return null
    this.#steps.delete(key)
    clearTimeout(ahead.timer)
    if (isDeepStrictEqual(ahead.input, input)) return ahead.step
    // The thread has come to something else, a message more to read, say.
    ahead.step.watch.abandon()
    return null
  }
}

function keyOf({ tenant, thread_id, run_id, step, attempt }: ModelStepInput): string {
  return JSON.stringify([tenant, thread_id, run_id, step, attempt])
}
