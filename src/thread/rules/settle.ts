import { emit, type Draft } from '../draft.ts'
import type { StopCode, Ticket } from '../records.ts'
import type { RunState } from '../state.ts'
import { argumentRefs } from './calls.ts'
import { endRun } from './ends.ts'
import { freezeInto } from './freeze.ts'
import { lookAtQueue } from './queue.ts'

/**
 * Looks at the open step after anything about its calls has changed: goes on while a call runs, waits once only
 * tickets are left, and passes to the next step when every call has its result.
 */
export function settleCalls(draft: Draft, run_id: string): void {
  const run = draft.state.runs[run_id]
  if (run === undefined || run.phase === 'queued') return
  if (run.phase === 'model') {
    stepDone(draft, run)
    return
  }
  const running = run.calls.some((call) => call.status === 'ready')
  const tickets = run.calls.flatMap((call) => call.ticket ?? [])
  if (running || tickets.length === 0) return
  if (run.record.waiting === null || !sameTickets(run.record.waiting.tickets, tickets)) {
    const payload = { dispatch_id: run.dispatch.dispatch_id, reason: tickets[0]?.reason ?? 'external_event', tickets }
    const waiting = run.calls.filter((call) => call.ticket !== null)
    const refs = waiting.flatMap((call, index) =>
      call.ticket === null ? [] : argumentRefs(run_id, call, call.ticket, ['tickets', String(index), 'arguments']),
    )
    emit(draft, { kind: 'RunWaiting', run_id, payload, ...(refs.length === 0 ? {} : { refs }) })
    lookAtQueue(draft)
  }
}

/** A step with all its results: ends the run if it was to stop or has used what it may, else takes in what is due. */
function stepDone(draft: Draft, run: RunState): void {
  const { run_id } = run.record
  if (run.stopping !== null) {
    endRun(draft, run_id, run.stopping.termination)
    return
  }
  const exceeded = limitReached(run, draft.context.now)
  if (exceeded !== null) endRun(draft, run_id, { type: 'stopped', value: exceeded })
  else freezeInto(draft, run_id, 'next_step')
}

export const OUT_OF_TIME: { code: StopCode; detail: string } = { code: 'deadline', detail: 'the run used its time' }

export function limitReached(run: RunState, now: number): { code: StopCode; detail: string } | null {
  const { limits, record } = run
  if (limits === null) return null
  const tokens = record.usage.input_tokens + record.usage.output_tokens
  if (record.steps >= limits.max_steps) return { code: 'max_steps', detail: `the run used its ${String(limits.max_steps)} steps` }
  if (limits.token_budget !== undefined && tokens >= limits.token_budget) {
    return { code: 'token_budget', detail: `the run used ${String(tokens)} of its ${String(limits.token_budget)} tokens` }
  }
  const deadline = deadlineOf(run)
  if (deadline !== null && now >= deadline) return OUT_OF_TIME
  return null
}

/**
 * When the run must end, in ms; null without a deadline. Until the first step has told the agent's own limits, what the
 * submit asked for counts; the step itself watches over the agent's.
 */
export function deadlineOf({ limits, record }: RunState): number | null {
  const ms = limits === null ? record.overrides?.deadline_ms : limits.deadline_ms
  return ms === undefined || record.started_at === null ? null : record.started_at + ms
}

function sameTickets(a: readonly Ticket[], b: readonly Ticket[]): boolean {
  return a.length === b.length && a.every((ticket, index) => ticket.ticket_id === b[index]?.ticket_id)
}
