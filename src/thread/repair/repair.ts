import { summaryOf } from '../batch.ts'
import { toLogEvent } from '../envelope.ts'
import type { ThreadSummaryRow } from '../ports.ts'
import type { DispatchRecord, Ticket } from '../records.ts'
import { emptyThread } from '../state-init.ts'
import type { Snapshot, ThreadState } from '../state.ts'
import { missingDispatches } from './dispatch.ts'
import type { Lost, StoredPending, ThreadFacts } from './facts.ts'
import { headOf, type Head } from './head.ts'
import { mend, type Mended } from './mend.ts'

/** Everything that a thread's rows must be, as far as it can be told. */
export type Repair = {
  mended: Mended
  head: Head
  summary: ThreadSummaryRow
  dispatches: DispatchRecord[]
  tickets: { thread_id: string; run_id: string; agent_id: string | null; ticket: Ticket }[]
  /** Contents of entries of the queue that have no row. */
  pending: StoredPending[]
  lost: Lost[]
}

/** What one row tells may be what another was waiting for; more rounds than this have never been needed. */
const ROUNDS = 8

/** `live`: the state of the thread's workflow, if it is known. Pure. */
export function repairOf(facts: ThreadFacts, live: Snapshot | null): Repair {
  let repair = round(facts, live)
  let known = facts
  for (let rounds = 1; rounds < ROUNDS; rounds++) {
    const { events, messages, runs } = repair.mended
    known = withMended(known, repair)
    const next = round(known, live)
    const more = [next.mended.events, next.mended.messages, next.mended.runs, next.pending]
    repair = {
      ...next,
      mended: {
        ...next.mended,
        events: [...events, ...next.mended.events],
        messages: [...messages, ...next.mended.messages],
        runs: [...runs, ...next.mended.runs],
      },
      dispatches: [...repair.dispatches, ...next.dispatches],
      pending: [...repair.pending, ...next.pending],
    }
    if (more.every((rows) => rows.length === 0)) break
  }
  return repair
}

/** As the store will have it. */
function withMended(facts: ThreadFacts, { mended, dispatches, pending }: Repair): ThreadFacts {
  const events = new Map(facts.events.map((event) => [event.event_seq, event]))
  for (const { event } of mended.events) events.set(event.seq, toLogEvent(facts.thread_id, event))
  const messages = new Map([...facts.messages, ...mended.messages].map((message) => [message.message_seq, message]))
  const runs = new Map([...facts.runs, ...mended.runs].map((run) => [run.record.run_id, run]))
  const scheduled = [...facts.dispatches, ...dispatches, ...mended.runs.map(({ dispatch }) => dispatch)]
  return {
    ...facts,
    events: [...events.values()].sort((a, b) => a.event_seq - b.event_seq),
    messages: [...messages.values()].sort((a, b) => a.message_seq - b.message_seq),
    runs: [...runs.values()],
    dispatches: [...new Map(scheduled.map((dispatch) => [dispatch.dispatch_id, dispatch])).values()],
    pending: [...new Map([...facts.pending, ...pending].map((row) => [row.pending_id, row])).values()],
  }
}

function round(facts: ThreadFacts, live: Snapshot | null): Repair {
  const mended = mend(facts)
  const head = headOf(facts, mended, live)
  const state: ThreadState = { ...emptyThread(facts.tenant, facts.thread_id, mended.state.settings), ...head.snapshot }
  const dispatches = missingDispatches(facts, new Set(mended.runs.map(({ record }) => record.run_id)))
  const { found: pending, lost } = missingContents(facts, mended, head.snapshot)
  const { tickets, runs } = withArguments(facts, mended, state)
  const known = new Set(runs.map(({ record }) => record.run_id))
  return {
    mended: { ...mended, runs },
    head,
    summary: summaryOf(state),
    dispatches,
    tickets,
    pending,
    lost: [...mended.lost.filter(({ what, ref }) => what !== 'run' || !known.has(ref)), ...head.lost, ...lost],
  }
}

function missingContents(facts: ThreadFacts, { log }: Mended, { queue }: Snapshot): { found: StoredPending[]; lost: Lost[] } {
  const there = new Set(facts.pending.map(({ pending_id }) => pending_id))
  const found: StoredPending[] = []
  const lost: Lost[] = []
  for (const { pending_id } of queue) {
    if (there.has(pending_id)) continue
    let row: StoredPending | null = null
    for (const event of log) {
      if (event.kind === 'PendingDelivered' && event.payload.pending_id === pending_id)
        row = { pending_id, content: event.payload.content }
      if (event.kind === 'PendingEdited' && event.payload.pending_id === pending_id && event.payload.content !== undefined)
        row = { pending_id, content: event.payload.content }
    }
    if (row === null) lost.push({ what: 'pending', from_seq: 0, to_seq: 0, ref: pending_id })
    else found.push(row)
  }
  return { found, lost }
}

/** Open tickets as the state has them. Arguments that were too large to travel stand in the log. */
function withArguments(
  facts: ThreadFacts,
  { log, runs }: Mended,
  state: ThreadState,
): Pick<Repair, 'tickets'> & Pick<Mended, 'runs'> {
  const asked = new Map<string, Ticket>()
  for (const event of log)
    if (event.kind === 'ToolPermissionRequested') asked.set(event.payload.ticket.ticket_id, event.payload.ticket)
  const tickets = Object.values(state.runs).flatMap(({ record, calls }) =>
    calls.flatMap(({ ticket }) => {
      if (ticket === null) return []
      const full = ticket.arguments === null ? (asked.get(ticket.ticket_id) ?? ticket) : ticket
      return [{ thread_id: facts.thread_id, run_id: record.run_id, agent_id: record.agent_id, ticket: full }]
    }),
  )
  // An open run whose row is gone, and that the log cannot tell, stands in the state.
  const there = new Set([...facts.runs, ...runs].map(({ record }) => record.run_id))
  const open = Object.values(state.runs).filter(({ record }) => !there.has(record.run_id))
  const more = open.map(({ record, dispatch }) => ({ record, dispatch, marks: {}, queued_seq: null }))
  return { tickets, runs: [...runs, ...more] }
}
