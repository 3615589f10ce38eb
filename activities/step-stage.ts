import type { Json } from '../src/thread/json.ts'
import type { Store, StagedKey } from '../src/store/store.ts'
import type { CallPlan, ModelStepInput } from '../src/thread/ports.ts'
import { hastily, patiently } from './patience.ts'
import type { StepOutput } from './step-output.ts'
import type { StopWatch } from './stop-watch.ts'

const PREFIX_EVERY_MS = 1_000
/** The workflow waits 2 s for a step that it stops; what is staged later comes too late. */
const PARTIAL_WITHIN_MS = 1_500

/** Keeps an attempt's output in the store: now and then a prefix, for the case that the worker is lost, then all of it. */
export class StepStage {
  readonly #store: Store
  readonly #key: StagedKey
  readonly #output: StepOutput
  readonly #timer: NodeJS.Timeout
  #staged_length = 0
  #writing: Promise<void> = Promise.resolve()
  #idle = true

  constructor(store: Store, { tenant, thread_id, run_id, step, attempt }: ModelStepInput, output: StepOutput) {
    this.#store = store
    this.#key = { tenant, thread_id, run_id, step, attempt }
    this.#output = output
    this.#timer = setInterval(() => {
      this.#prefix()
    }, PREFIX_EVERY_MS)
  }

  /** Stages the whole answer, and the arguments that are too large to travel, however long the store is away. */
  async complete(watch: StopWatch, calls: readonly CallPlan[]): Promise<void> {
    await this.#settle()
    const parts: { part: string; value: Json }[] = [
      { part: 'message', value: this.#output.content() as Json },
      { part: 'text', value: this.#output.text },
    ]
    const args = new Map(this.#output.calls.map((call) => [call.id, call.arguments]))
    for (const { tool_call_id, arguments_staged } of calls) {
      if (arguments_staged) parts.push({ part: `args:${tool_call_id}`, value: args.get(tool_call_id) ?? null })
    }
    await patiently(watch, () => this.#store.engine.stage(this.#key, parts))
  }

  /** Stages the text so far: reasoning and tool calls that were cut off mean nothing without their ends. True if any text is staged. */
  async partial(): Promise<boolean> {
    await this.#settle()
    const { text } = this.#output
    if (text === '') return false
    const whole = await hastily(PARTIAL_WITHIN_MS, () => this.#write(text))
    return whole || this.#staged_length > 0
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** A prefix that is still being written must not land on top of what is written next. */
  async #settle(): Promise<void> {
    this.close()
    await this.#writing
  }

  #prefix(): void {
    const { text } = this.#output
    if (!this.#idle || text.length <= this.#staged_length) return
    this.#idle = false
    this.#writing = this.#write(text)
      .catch(() => undefined)
      .finally(() => {
        this.#idle = true
      })
  }

  async #write(text: string): Promise<void> {
    await this.#store.engine.stage(this.#key, [
      { part: 'message', value: text },
      { part: 'text', value: text },
    ])
    this.#staged_length = text.length
  }
}
