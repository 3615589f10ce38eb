import type { LiveBus, LiveFrame } from '../src/live/bus.ts'
import type { ModelStepInput } from '../src/thread/ports.ts'
import type { StepOutput } from './step-output.ts'

type Unaddressed<T> = T extends unknown ? Omit<T, 'thread_id' | 'run_id' | 'step' | 'attempt'> : never
type StepFrame = Unaddressed<Exclude<LiveFrame, { type: 'events' | 'sync' }>>

/** Between two replays of what was streamed so far (ms), and what is added to it for a long text. */
const REPLAY_PAUSE_MS = 50
const REPLAY_UNITS_A_MS = 500

/** Sends one attempt's deltas, and all it has streamed so far to whoever joins late. */
export class LiveStep {
  readonly #bus: LiveBus
  readonly #input: ModelStepInput
  readonly #output: StepOutput
  readonly #unsubscribe: () => void
  #pause: NodeJS.Timeout | null = null
  #askedAgain = false

  constructor(bus: LiveBus, input: ModelStepInput, output: StepOutput) {
    this.#bus = bus
    this.#input = input
    this.#output = output
    this.#unsubscribe = bus.subscribe(input.tenant, input.thread_id, (frame) => {
      if (frame.type === 'sync') this.#askedToReplay()
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
    if (this.#pause !== null) clearTimeout(this.#pause)
  }

  /** One replay serves all who join or lag at about the same time, however many they are; a longer one more of them. */
  #askedToReplay(): void {
    if (this.#pause !== null) {
      this.#askedAgain = true
      return
    }
    this.#askedAgain = false
    const units = this.#replay()
    this.#pause = setTimeout(
      () => {
        this.#pause = null
        if (this.#askedAgain) this.#askedToReplay()
      },
      REPLAY_PAUSE_MS + units / REPLAY_UNITS_A_MS,
    ).unref()
  }

  /** The UTF-16 units of what was sent. */
  #replay(): number {
    let units = this.#output.reasoning.length + this.#output.text.length
    this.start()
    this.delta('reasoning', 0, this.#output.reasoning)
    this.delta('text', 0, this.#output.text)
    for (const [id, { name, text }] of this.#output.inputs) {
      this.callStart(id, name)
      this.callDelta(id, 0, text)
      units += text.length
    }
    return units
  }

  #send(frame: StepFrame): void {
    const { tenant, thread_id, run_id, step, attempt } = this.#input
    this.#bus.publish(tenant, { ...frame, thread_id, run_id, step, attempt } as LiveFrame)
  }
}
