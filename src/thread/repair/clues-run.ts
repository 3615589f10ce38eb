import type { DispatchFacts, EventDraft, Payloads, ThreadEvent } from '../event.ts'
import { MAX_STEP_ATTEMPTS } from '../limits.ts'
import { hasAnswer } from '../rules/runs.ts'
import { resolution } from '../rules/decision.ts'
import { judge } from '../rules/verdict.ts'
import { isRejection } from '../decide.ts'
import type { RunRecord, Ticket } from '../records.ts'
import { told, type Before, type Clue, type Derived } from './clue.ts'
import type { ThreadFacts } from './facts.ts'
import type { Mark } from './traces.ts'

/** The scheduling events of runs, from their marks and records. */
export function* runClues({ runs, dispatches }: ThreadFacts): Generator<[number, Clue]> {
  for (const { record, marks } of runs) {
    const max_attempts = dispatches.find(({ run_id }) => run_id === record.run_id)?.max_attempts ?? MAX_STEP_ATTEMPTS
    for (const [number, mark] of Object.entries(marks)) {
      const seq = Number(number)
      const tell = (before: Before): Derived | null => {
        const draft = draftOf(record, mark, max_attempts, before)
        return draft === null ? null : { event: told(seq, mark.at, mark.caused_by, draft), lost: [] }
      }
      yield [seq, { kind: mark.kind, derive: tell }]
      // A run that could not begin says so first.
      if (mark.kind === 'RunErrored' && record.error?.code === 'unknown_agent') {
        const { code, message } = record.error
        const payload = { ...factsOf(record, mark), reason: code, error: message }
        const draft: EventDraft = { kind: 'MailboxSubmitFailed', run_id: record.run_id, payload }
        const failed = told(seq - 1, mark.at, mark.caused_by, draft)
        yield [seq - 1, { kind: 'MailboxSubmitFailed', derive: () => ({ event: failed, lost: [] }) }]
      }
    }
  }
}

function factsOf(record: RunRecord, mark: Mark): DispatchFacts {
  return {
    dispatch_id: record.dispatch_id,
    dispatch_epoch: mark.epoch ?? 0,
    attempt_count: mark.attempt ?? 1,
    status: mark.status ?? 'claimed',
    available_at: mark.available_at ?? mark.at,
    created_at: record.created_at,
    updated_at: mark.at,
  }
}

function draftOf(record: RunRecord, mark: Mark, max_attempts: number, before: Before): EventDraft | null {
  const { run_id, agent_id, parent_run_id, retry_of, transport_request_id, metadata, overrides, termination } = record
  const facts = factsOf(record, mark)
  const more = (mark.more ?? {}) as Record<string, never>
  switch (mark.kind) {
    case 'RunQueued':
      return {
        kind: 'RunQueued',
        run_id,
        payload: { ...facts, agent_id, max_attempts, parent_run_id, retry_of, transport_request_id, metadata, overrides },
      }
    case 'RunStarted':
      return { kind: 'RunStarted', run_id, payload: { ...facts, agent_id } }
    case 'RunResumed':
      return { kind: 'RunResumed', run_id, payload: { ...facts, reason: more['reason'] ?? 'decision' } }
    case 'RunInterrupted': {
      const {
        reason,
        stop_at,
        termination: end,
      } = more as unknown as Pick<Payloads['RunInterrupted'], 'reason' | 'stop_at' | 'termination'>
      return { kind: 'RunInterrupted', run_id, payload: { ...facts, reason, stop_at, termination: end } }
    }
    case 'RunWaiting': {
      const tickets = ticketsOf(record, mark, before)
      if (tickets === null) return null
      return {
        kind: 'RunWaiting',
        run_id,
        payload: { dispatch_id: record.dispatch_id, reason: more['reason'] ?? 'external_event', tickets },
      }
    }
    case 'RunFinished': {
      if (termination === null) return null
      const { steps, usage } = record
      const final_output = record.final_output ?? (hasAnswer(termination) && steps > 0 ? '' : null)
      return { kind: 'RunFinished', run_id, payload: { ...facts, termination, final_output, steps, usage } }
    }
    case 'RunErrored': {
      if (termination === null || record.error === null) return null
      const { code, message } = record.error
      return { kind: 'RunErrored', run_id, payload: { ...facts, code, error: message, termination, ...more } }
    }
    default:
      return null // of a failed attempt nothing but the last error is kept
  }
}

/** What the run was waiting for: as its record has it while it waits, else what its calls had come to. */
function ticketsOf(record: RunRecord, mark: Mark, { state, whole }: Before): Ticket[] | null {
  if (record.waiting?.since === mark.at) return record.waiting.tickets
  const run = state.runs[record.run_id]
  if (run === undefined || !whole(record.run_id)) return null
  return run.calls.flatMap(({ ticket }) => ticket ?? [])
}

/** The second half of a decision from its first. */
export function resolvedFrom(received: ThreadEvent, { state, whole }: Before): Derived | null {
  if (received.kind !== 'MailboxDecisionReceived' || received.run_id === null || !whole(received.run_id)) return null
  const { run_id, seq } = received
  const { result, origin: _origin, ...common } = received.payload
  const call = state.runs[run_id]?.calls.find(({ tool_call_id }) => tool_call_id === common.tool_call_id)
  if (call === undefined) return null
  const verdict = judge({ type: 'decision', action: common.action, payload: result }, call)
  if (isRejection(verdict)) return null
  const payload = { ...common, step: call.step, ...resolution(verdict, call, seq) }
  return { event: told(seq + 1, received.at, received.caused_by, { kind: 'ToolPermissionResolved', run_id, payload }), lost: [] }
}
