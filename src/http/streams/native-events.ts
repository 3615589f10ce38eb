import type { LiveFrame } from '../../live/bus.ts'
import type { LogEvent } from '../../thread/envelope.ts'
import type { EventKind, Payloads } from '../../thread/event.ts'
import type { Json } from '../../thread/json.ts'
import { stepMessageId } from '../../thread/rules/calls.ts'
import { presentTicket } from '../present.ts'
import type { RunEvent } from '../schemas/events.ts'
import { openStep, type OpenStep } from './open-step.ts'

/** A frame for the reader; `seq`, `at`: with this frame it has everything up to that event of the log. */
export type Projected = { event: RunEvent; seq?: number; at?: number }
type StepFrame = Extract<LiveFrame, { run_id: string }>
type Tickets = Extract<RunEvent, { event_type: 'run_waiting' }>['tickets']
type P<K extends EventKind> = Payloads[K]

export type ProjectionOptions = {
  /** The stream is to end when the run waits: `suspend` says so then, and no `run_waiting` comes before. */
  ends_on_wait: boolean
  /** The run's parent, where the reader joins behind the event that tells of it. */
  parent_run_id?: string | null
  /** The reader has seen the end of a step that paused no later than with this event. */
  closed_until?: number
}

/** One run's log and live frames as native run events. Pure: what comes out depends only on what went in, in order. */
export interface RunProjection {
  /** Events in order of their numbers; those of other runs give nothing. */
  log(event: LogEvent): Projected[]
  live(frame: StepFrame): Projected[]
  /** The log must be read before this frame can be placed. */
  behind(frame: StepFrame): boolean
  /** True once after live frames were lost: a sync would bring them. */
  takeGap(): boolean
  /** The end of a stream whose run waits, once the log has been read to its end; nothing if the run does not wait. */
  suspend(): Projected[]
  readonly ended: boolean
  /** Number of the event since which the run waits; null if it does not. */
  readonly waiting_since: number | null
}

export function createRunProjection(run_id: string, options: ProjectionOptions): RunProjection {
  let parent_run_id: string | null = options.parent_run_id ?? null
  let started = false
  let ended = false
  let waiting: { seq: number; at: number; reason: string; tickets: Tickets } | null = null
  let gap = false
  /** The step on the stream; it stays open until the next begins or the run ends. */
  let open: OpenStep | null = null
  /** The highest step whose model call is over, and the attempts of the next one that failed. */
  let model_done = -1
  let dead = { step: -1, attempt: 0 }
  /** InferenceCompleted, kept until the message it belongs to has completed the text. */
  let held: P<'InferenceCompleted'> | null = null

  function closeStep(): RunEvent[] {
    if (open === null) return []
    open = null
    return [{ event_type: 'step_end' }]
  }

  function begin(step: number, attempt: number, message_id: string): RunEvent[] {
    if (open?.step === step && open.attempt === attempt) return []
    const before: RunEvent[] = open?.step === step ? [{ event_type: 'stream_reset', reason: 'attempt_failed' }] : closeStep()
    open = openStep(step, attempt, message_id)
    return [...before, { event_type: 'step_start', message_id, attempt }]
  }

  function release(): RunEvent[] {
    if (held === null) return []
    const { step, attempt, model, usage, duration_ms } = held
    held = null
    const frames = step > model_done ? begin(step, attempt, stepMessageId(run_id, step)) : []
    model_done = Math.max(model_done, step)
    return [...frames, { event_type: 'inference_complete', model, usage, duration_ms }]
  }

  function committed(payload: P<'MessageCommitted'> & { content_blocks?: unknown }): RunEvent[] {
    const { role, step, message_id } = payload
    if (role !== 'assistant' || step === null) return release()
    const before = held !== null && held.step !== step ? release() : []
    const attempt = held?.attempt ?? (open?.step === step ? open.attempt : 1)
    const frames = [...before, ...begin(step, attempt, message_id)]
    const rest = open?.commit(payload.content_blocks) ?? null
    if (rest !== null) frames.push(...rest)
    else {
      // What was streamed is not what was committed: the reader starts this step over.
      open = openStep(step, attempt, message_id)
      frames.push({ event_type: 'stream_reset', reason: 'replaced' }, { event_type: 'step_start', message_id, attempt })
      frames.push(...(open.commit(payload.content_blocks) ?? []))
    }
    model_done = Math.max(model_done, step)
    return [...frames, ...release()]
  }

  function rescheduled({ step, attempt, reason, tool_call_id }: P<'RunRescheduled'>): RunEvent[] {
    // A tool's retry does not touch what was streamed. `attempt` is the one to come.
    if (tool_call_id !== undefined || step <= model_done) return []
    dead = { step, attempt: attempt - 1 }
    if (open !== null && open.step === step && open.attempt >= attempt) return []
    if (open?.step === step) open = null
    return [{ event_type: 'stream_reset', reason }]
  }

  function waits({ reason, tickets }: P<'RunWaiting'>, { event_seq: seq, occurred_at: at }: LogEvent): RunEvent[] {
    waiting = { seq, at, reason, tickets: tickets.map(presentTicket) as unknown as Tickets }
    if (seq <= (options.closed_until ?? 0)) open = null
    return options.ends_on_wait ? [] : [{ event_type: 'run_waiting', tickets: waiting.tickets }]
  }

  function suspend(): Projected[] {
    if (waiting === null || ended) return []
    const { seq, at, reason, tickets } = waiting
    const termination = { type: 'suspended', value: { reason, tickets } as Json }
    const frames = [...release(), ...closeStep()].map((event) => ({ event }))
    ended = true
    return [...frames, { event: { event_type: 'run_finish', thread_id: thread, run_id, termination, tickets }, seq, at }]
  }

  let thread = ''
  function frames(event: LogEvent): RunEvent[] {
    const payload = event.payload as unknown
    switch (event.kind) {
      case 'RunQueued':
        parent_run_id = (payload as P<'RunQueued'>).parent_run_id
        return []
      case 'RunStarted': {
        if (started) return []
        started = true
        const start = { event_type: 'run_start' as const, thread_id: thread, run_id }
        return [parent_run_id === null ? start : { ...start, parent_run_id }]
      }
      case 'InferenceCompleted': {
        const before = release()
        held = payload as P<'InferenceCompleted'>
        return held.step <= model_done ? [...before, ...release()] : before
      }
      case 'MessageCommitted':
        return committed(payload as P<'MessageCommitted'>)
      case 'RunRescheduled':
        return [...release(), ...rescheduled(payload as P<'RunRescheduled'>)]
      case 'ToolCallReady': {
        const { tool_call_id: id, tool_name: name, arguments: args } = payload as P<'ToolCallReady'>
        return [...release(), ...(open?.announce(id, name) ?? []), { event_type: 'tool_call_ready', id, name, arguments: args }]
      }
      case 'ToolPermissionRequested': {
        const { ticket_id, tool_call_id: id, tool_name, reason } = (payload as P<'ToolPermissionRequested'>).ticket
        const result = { tool_name, status: 'pending' as const, data: { ticket_id, reason } }
        return [...release(), { event_type: 'tool_call_done', id, message_id: null, result, outcome: 'suspended' }]
      }
      case 'MailboxDecisionReceived': {
        const { tool_call_id, result } = payload as P<'MailboxDecisionReceived'>
        return [...release(), { event_type: 'tool_call_resumed', target_id: tool_call_id, result }]
      }
      case 'ToolCallDone': {
        const { tool_call_id: id, message_id, result, outcome } = payload as P<'ToolCallDone'>
        return [...release(), { event_type: 'tool_call_done', id, message_id, result, outcome }]
      }
      case 'ToolCallCancelled': {
        const { tool_call_id: id, tool_name: name, reason } = payload as P<'ToolCallCancelled'>
        return [...release(), { event_type: 'tool_call_cancel', id, name, reason }]
      }
      case 'RunWaiting':
        return [...release(), ...waits(payload as P<'RunWaiting'>, event)]
      case 'RunResumed':
        waiting = null
        return release()
      case 'RunErrored': {
        const { error: message, code } = payload as P<'RunErrored'>
        const before = [...release(), ...closeStep()]
        ended = true
        return [...before, { event_type: 'error', message, code }]
      }
      case 'RunFinished': {
        const { termination, final_output } = payload as P<'RunFinished'>
        const before = [...release(), ...closeStep()]
        ended = true
        const finish = { event_type: 'run_finish' as const, thread_id: thread, run_id, termination }
        return [...before, final_output === null ? finish : { ...finish, result: { response: final_output } }]
      }
      default:
        return []
    }
  }

  return {
    log(event) {
      if (event.run_id !== run_id || ended) return []
      thread = event.thread_id
      const out: Projected[] = frames(event).map((frame) => ({ event: frame }))
      const last = out.at(-1)
      // While a frame is held back, the events so far are not all told.
      if (last !== undefined && held === null) Object.assign(last, { seq: event.event_seq, at: event.occurred_at })
      return out
    },
    live(frame) {
      if (frame.run_id !== run_id || ended || !started || frame.step <= model_done || isDead(frame)) return []
      if (frame.type === 'step_start') {
        if (open !== null && frame.step === open.step && frame.attempt < open.attempt) return []
        return begin(frame.step, frame.attempt, frame.message_id).map((event) => ({ event }))
      }
      const news = open?.step === frame.step && open.attempt === frame.attempt ? open.live(frame) : null
      if (news === null) gap = true
      return (news ?? []).map((event) => ({ event }))
    },
    behind(frame) {
      if (frame.run_id !== run_id || ended || frame.step <= model_done || isDead(frame)) return false
      if (!started) return true
      if (frame.type !== 'step_start' || open === null) return false
      return (frame.step > open.step && open.step > model_done) || (frame.step === open.step && frame.attempt > open.attempt)
    },
    suspend,
    takeGap() {
      const had = gap
      gap = false
      return had
    },
    get ended() {
      return ended
    },
    get waiting_since() {
      return waiting?.seq ?? null
    },
  }

  function isDead(frame: StepFrame): boolean {
    return frame.step === dead.step && frame.attempt <= dead.attempt
  }
}
