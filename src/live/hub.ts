import type { LiveBus, LiveFrame } from './bus.ts'
import { threadKey } from './listeners.ts'

type StepStart = Extract<LiveFrame, { type: 'step_start' }>
type Delta = Extract<LiveFrame, { type: 'delta' | 'tool_call_start' | 'tool_call_delta' }>
/** What the open step of one thread has streamed so far. Strings grow by reference, not by copy. */
type OpenStep = {
  start: StepStart
  text: string
  reasoning: string
  calls: Map<string, { name: string | null; args: string }>
  unsubscribe: () => void
}

/** Open steps kept at once; the one that began first gives way. */
const MAX_OPEN_STEPS = 10_000
/** The events after which nothing more of a step is streamed. */
const STEP_ENDS: ReadonlySet<string> = new Set(['InferenceCompleted', 'RunFinished', 'RunErrored', 'RunRescheduled'])

/**
 * A bus that remembers what this process has published of every open step, and answers a `sync` frame by publishing
 * `step_start` and one cumulative delta of each kind (offset 0); whoever had it already sees that by the offsets.
 * Use the returned bus for everything in the process that runs model steps; closing it closes the inner one.
 */
export function createHub(inner: LiveBus): LiveBus & { openSteps(): number } {
  const steps = new Map<string, OpenStep>()

  function forget(key: string): void {
    steps.get(key)?.unsubscribe()
    steps.delete(key)
  }

  function open(tenant: string, start: StepStart): void {
    const key = threadKey(tenant, start.thread_id)
    const known = steps.get(key)
    // Sent again for a late joiner: what was gathered still holds.
    if (known !== undefined && isOf(known.start, start)) return
    forget(key)
    const oldest = steps.size >= MAX_OPEN_STEPS ? steps.keys().next().value : undefined
    if (oldest !== undefined) forget(oldest)
    const unsubscribe = inner.subscribe(tenant, start.thread_id, (frame) => {
      if (frame.type === 'sync') resend(tenant, steps.get(key))
      else if (frame.type === 'events' && endsStep(frame, steps.get(key))) forget(key)
    })
    steps.set(key, { start, text: '', reasoning: '', calls: new Map(), unsubscribe })
  }

  function resend(tenant: string, step: OpenStep | undefined): void {
    if (step === undefined) return
    const { start, text, reasoning, calls } = step
    const { thread_id, run_id, step: number, attempt } = start
    const base = { thread_id, run_id, step: number, attempt }
    inner.publish(tenant, start)
    if (reasoning !== '') inner.publish(tenant, { ...base, type: 'delta', kind: 'reasoning', offset: 0, delta: reasoning })
    if (text !== '') inner.publish(tenant, { ...base, type: 'delta', kind: 'text', offset: 0, delta: text })
    for (const [id, call] of calls) {
      if (call.name !== null) inner.publish(tenant, { ...base, type: 'tool_call_start', id, name: call.name })
      if (call.args !== '') inner.publish(tenant, { ...base, type: 'tool_call_delta', id, offset: 0, args_delta: call.args })
    }
  }

  return {
    publish(tenant, frame) {
      if (frame.type === 'step_start') open(tenant, frame)
      else if (frame.type === 'delta' || frame.type === 'tool_call_start' || frame.type === 'tool_call_delta') {
        const step = steps.get(threadKey(tenant, frame.thread_id))
        if (step !== undefined && isOf(step.start, frame)) gather(step, frame)
      }
      inner.publish(tenant, frame)
    },
    subscribe: (tenant, thread_id, listener) => inner.subscribe(tenant, thread_id, listener),
    openSteps: () => steps.size,
    async close() {
      for (const key of [...steps.keys()]) forget(key)
      await inner.close()
    },
  }
}

function isOf(start: StepStart, frame: StepStart | Delta): boolean {
  return start.run_id === frame.run_id && start.step === frame.step && start.attempt === frame.attempt
}

/** Only what continues without a gap is kept: a piece in the wrong place would make every later offset wrong. */
function gather(step: OpenStep, frame: Delta): void {
  if (frame.type === 'delta') {
    if (frame.offset === step[frame.kind].length) step[frame.kind] += frame.delta
    return
  }
  const call = step.calls.get(frame.id) ?? { name: null, args: '' }
  step.calls.set(frame.id, call)
  if (frame.type === 'tool_call_start') call.name = frame.name
  else if (frame.offset === call.args.length) call.args += frame.args_delta
}

function endsStep(frame: Extract<LiveFrame, { type: 'events' }>, step: OpenStep | undefined): boolean {
  if (step === undefined) return false
  return (frame.events ?? []).some((event) => {
    if (event.run_id !== step.start.run_id || !STEP_ENDS.has(event.kind)) return false
    // A step that began since is not ended by word of the one before it, which may arrive late.
    const { step: number, attempt } = event.payload
    if (event.kind === 'InferenceCompleted') return typeof number !== 'number' || number >= step.start.step
    if (event.kind === 'RunRescheduled')
      return typeof attempt !== 'number' || number !== step.start.step || attempt > step.start.attempt
    return true
  })
}
