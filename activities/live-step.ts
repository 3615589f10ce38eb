import type { LiveBus, LiveFrame } from '../src/live/bus.ts'
import type { ModelStepInput } from '../src/thread/ports.ts'
import type { StepOutput } from './step-output.ts'

type Unaddressed<T> = T extends unknown ? Omit<T, 'thread_id' | 'run_id' | 'step' | 'attempt'> : never
type StepFrame = Unaddressed<Exclude<LiveFrame, { type: 'events' | 'sync' }>>

/** Sends one attempt's deltas, and all it has streamed so far to whoever joins late. */
export class LiveStep {
  readonly #bus: LiveBus
  readonly #input: ModelStepInput
  readonly #output: StepOutput
  readonly #unsubscribe: () => void

  constructor(bus: LiveBus, input: ModelStepInput, output: StepOutput) {
    this.#bus = bus
    this.#input = input
    this.#output = output
    this.#unsubscribe = bus.subscribe(input.tenant, input.thread_id, (frame) => {
      if (frame.type === 'sync') this.#replay()
    })
    this.start()
  }

  start(): void {
    this.#send({ type: 'step_start', message_id: this.#input.message_id })
  }
  delta(kind: 'text' | 'reasoning', offset: number, delta: string): void {
    if (delta !== '') this.#send({ type: 'delta', kind, offset, delta })
  }
  callStart(id: string, name: string): void {
    this.#send({ type: 'tool_call_start', id, name })
  }
  callDelta(id: string, offset: number, args_delta: string): void {
    if (args_delta !== '') this.#send({ type: 'tool_call_delta', id, offset, args_delta })
  }
  close(): void {
    this.#unsubscribe()
  }

  #replay(): void {
    this.start()
    this.delta('reasoning', 0, this.#output.reasoning)
    this.delta('text', 0, this.#output.text)
    for (const [id, { name, text }] of this.#output.inputs) {
      this.callStart(id, name)
      this.callDelta(id, 0, text)
    }
  }

  #send(frame: StepFrame): void {
    const { tenant, thread_id, run_id, step, attempt } = this.#input
    this.#bus.publish(tenant, { ...frame, thread_id, run_id, step, attempt } as LiveFrame)
  }
}
