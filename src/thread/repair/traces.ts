import type { Disposition, EventKind, Payloads, ThreadEvent } from '../event.ts'
import type { JsonObject } from '../json.ts'
import type { DispatchStatus } from '../records.ts'

/**
 * What rows keep of the events that they come from, besides what they are there for: enough to tell which number in
 * the log each belongs to, and what stood there, should the log lose it.
 */

/** One scheduling event of a run, by its number: when, and how the run's dispatch stood then. Times in ms. */
export type Mark = {
  kind: EventKind
  at: number
  status?: DispatchStatus
  epoch?: number
  attempt?: number
  available_at?: number
  caused_by?: string
  /** Why it went on, waited or was stopped; who worked on it when it failed. */
  more?: JsonObject
}
export type Marks = { [seq: string]: Mark }

/** How a model came to a message: what the step's InferenceCompleted and the calls in the message were. */
export type Made = Omit<Payloads['InferenceCompleted'], 'step' | 'interrupted'> & { calls?: MadeCall[] }
/** `offset`: from the message's event to the call's. `ticket_id`: of the ticket that was opened right after it. */
export type MadeCall = {
  tool_call_id: string
  offset: number
  disposition: Disposition
  repeatable: boolean
  expires_in_ms: number | null
  timeout_ms: number | null
  ticket_id: string | null
}

/** The marks that events leave, by run. */
export function marksOf(events: readonly ThreadEvent[]): Map<string, Marks> {
  const found = new Map<string, Marks>()
  for (const event of events) {
    const mark = markOf(event)
    if (mark === null || event.run_id === null) continue
    const marks = found.get(event.run_id) ?? {}
    marks[String(event.seq)] = event.caused_by === undefined ? mark : { ...mark, caused_by: event.caused_by }
    found.set(event.run_id, marks)
  }
  return found
}

function markOf(event: ThreadEvent): Mark | null {
  switch (event.kind) {
    case 'RunWaiting':
      return { kind: event.kind, at: event.at, more: { reason: event.payload.reason } }
    case 'RunQueued':
    case 'RunStarted':
    case 'RunResumed':
    case 'RunInterrupted':
    case 'RunRescheduled':
    case 'RunFinished':
    case 'RunErrored': {
      const { status, dispatch_epoch, attempt_count, available_at } = event.payload
      const more = moreOf(event)
      const mark: Mark = { kind: event.kind, at: event.at, status, epoch: dispatch_epoch, attempt: attempt_count, available_at }
      return more === null ? mark : { ...mark, more }
    }
    default:
      return null
  }
}

function moreOf(event: ThreadEvent): JsonObject | null {
  switch (event.kind) {
    case 'RunResumed':
      return { reason: event.payload.reason }
    case 'RunInterrupted': {
      const { reason, stop_at, termination } = event.payload
      return { reason, stop_at, termination }
    }
    case 'RunErrored':
      return event.payload.worker === undefined ? null : { worker: event.payload.worker }
    default:
      return null
  }
}

/** How the model's messages among these events came to be, by the number of the message's event. */
export function madeOf(events: readonly ThreadEvent[]): Map<number, Made> {
  const found = new Map<number, Made>()
  events.forEach((event, index) => {
    const before = events[index - 1]
    if (event.kind !== 'MessageCommitted' || before?.kind !== 'InferenceCompleted' || before.seq !== event.seq - 1) return
    const { attempt, model, usage, duration_ms, finish_reason, agent_version, limits, worker } = before.payload
    const made: Made = { attempt, model, usage, duration_ms, finish_reason, agent_version, limits }
    if (worker !== undefined) made.worker = worker
    const calls = callsOf(events, index, before)
    found.set(event.seq, calls.length === 0 ? made : { ...made, calls })
  })
  return found
}

function callsOf(
  events: readonly ThreadEvent[],
  index: number,
  step: Extract<ThreadEvent, { kind: 'InferenceCompleted' }>,
): MadeCall[] {
  const message = events[index]
  const calls: MadeCall[] = []
  for (let i = index + 1; message !== undefined && i < events.length; i++) {
    const event = events[i]
    if (event === undefined || (event.kind === 'InferenceCompleted' && event.run_id === message.run_id)) break
    if (event.kind !== 'ToolCallReady' || event.run_id !== message.run_id || event.payload.step !== step.payload.step) continue
    const { tool_call_id, disposition, repeatable, expires_in_ms, timeout_ms } = event.payload
    const next = events[i + 1]
    const asked =
      next?.kind === 'ToolPermissionRequested' && next.seq === event.seq + 1 && next.payload.ticket.tool_call_id === tool_call_id
    const ticket_id = asked ? next.payload.ticket.ticket_id : null
    calls.push({ tool_call_id, offset: event.seq - message.seq, disposition, repeatable, expires_in_ms, timeout_ms, ticket_id })
  }
  return calls
}
