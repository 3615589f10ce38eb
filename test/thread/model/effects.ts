import type { EventKind, ThreadEvent } from '../../../src/thread/event.ts'
import type { Report } from '../../../src/thread/ports.ts'
import type { Mailbox } from './mailbox.ts'
import type { Boundary } from './select.ts'

/**
 * What the effects' reports and the decisions mean to the mailbox: when a step is over, when a run waits, when it has
 * ended. Which calls got a ticket, ran again or expired is taken from the core's events, since that is not the
 * mailbox's affair; what follows from it for the messages is not.
 */
export type Limits = { max_steps?: number; token_budget?: number; deadline_at?: number }

export function of<K extends EventKind>(events: ThreadEvent[], kind: K): Extract<ThreadEvent, { kind: K }>[] {
  return events.filter((event): event is Extract<ThreadEvent, { kind: K }> => event.kind === kind)
}

/** How a run ended within one step, if it did. */
export function endOf(events: ThreadEvent[], run_id: string | undefined): string | null {
  for (const event of events) {
    if ((event.kind === 'RunFinished' || event.kind === 'RunErrored') && event.run_id === run_id)
      return event.payload.termination.type
  }
  return null
}

/** `limited`: the run has come to one of its limits, so it makes no further model call. */
export function report(box: Mailbox, given: Report, events: ThreadEvent[], limited: boolean): void {
  const run = box.open
  if (run === null) return
  const end = endOf(events, run.run_id)
  if (run.stopping) {
    for (const event of of(events, 'PendingDelivered')) stagedOne(box, event.payload.pending_id, event.payload.delivery.boundary)
    if (end !== null) box.ended()
    return
  }
  // The last attempt of its model step failed, or was lost with a worker or a restart.
  if (end === 'error' || (limited && end !== null)) {
    box.ended()
    return
  }
  if (limited && of(events, 'RunInterrupted').length > 0) {
    run.stopping = true
    return
  }
  if (given.type === 'model_done') modelDone(box, given, events)
  else if (given.type === 'tool_done') toolDone(box, given, events)
  else {
    for (const { payload } of of(events, 'ToolPermissionExpired')) run.calls.delete(payload.tool_call_id)
    for (const { payload } of of(events, 'ToolCallDone')) run.calls.delete(payload.tool_call_id)
    ticketed(box, events)
  }
  stepOver(box)
}

function modelDone(box: Mailbox, { result }: Extract<Report, { type: 'model_done' }>, events: ThreadEvent[]): void {
  const run = box.open
  if (run === null) return
  if (result.kind !== 'completed') {
    return
  }
  if (result.calls.length === 0) {
    if (!box.naturalEnd()) box.ended()
    return
  }
  run.phase = 'tools'
  for (const plan of result.calls) if (plan.disposition !== 'reject') run.calls.set(plan.tool_call_id, 'ready')
  ticketed(box, events)
}

function toolDone(box: Mailbox, given: Extract<Report, { type: 'tool_done' }>, events: ThreadEvent[]): void {
  const run = box.open
  if (run === null) return
  ticketed(box, events)
  if (of(events, 'RunRescheduled').length > 0 || of(events, 'ToolPermissionRequested').length > 0) return
  if (given.outcome.kind === 'done') staged(box, given.outcome.messages ?? [], events)
  run.calls.delete(given.tool_call_id)
}

function ticketed(box: Mailbox, events: ThreadEvent[]): void {
  for (const { payload } of of(events, 'ToolPermissionRequested')) box.open?.calls.set(payload.ticket.tool_call_id, 'waiting')
}

/** A tool's messages go to its own run and to no other. */
function staged(box: Mailbox, messages: { boundary?: 'next_step' | 'on_natural_end' }[], events: ThreadEvent[]): void {
  const ids = of(events, 'PendingDelivered').map((event) => event.payload.pending_id)
  if (ids.length !== messages.length) throw new Error(`a tool staged ${messages.length} messages, ${ids.length} were delivered`)
  for (const [index, { boundary }] of messages.entries()) {
    stagedOne(box, ids[index] ?? '', boundary ?? 'next_step')
  }
}

function stagedOne(box: Mailbox, id: string, boundary: Boundary): void {
  const run = box.open
  if (run === null) return
  const wanted = { boundary, one: false, barrier: false, target: run.run_id, fallback: false }
  box.add({ id, wanted, agent: run.agent, overrides: null, run: null, held: null, revision: 1 })
}

export function decided(box: Mailbox, events: ThreadEvent[], limited: boolean): void {
  const run = box.open
  if (run === null || run.stopping) return
  for (const { payload } of of(events, 'ToolPermissionResolved')) {
    const runs = payload.approved && !payload.answered && of(events, 'MailboxResumeFailed').length === 0
    if (runs) run.calls.set(payload.tool_call_id, 'ready')
    else run.calls.delete(payload.tool_call_id)
  }
  if (limited && endOf(events, run.run_id) !== null) box.ended()
  else stepOver(box)
}

function stepOver(box: Mailbox): void {
  if (box.open !== null && !box.open.stopping && box.open.phase === 'tools' && box.open.calls.size === 0) box.nextStep()
}
