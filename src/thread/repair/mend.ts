import type { EventKind, ThreadEvent } from '../event.ts'
import { evolve } from '../evolve.ts'
import { evolveRun } from '../evolve-run.ts'
import type { RunRecord } from '../records.ts'
import { emptyThread } from '../state-init.ts'
import type { RunState, ThreadSettings, ThreadState } from '../state.ts'
import { type Before, type Derived } from './clue.ts'
import { cluesOf } from './clues.ts'
import { resolvedFrom } from './clues-run.ts'
import { ranges, type Lost, type StoredMessage, type StoredRun, type ThreadFacts } from './facts.ts'
import { fromLogEvent } from './read-log.ts'
import { madeOf, marksOf } from './traces.ts'

/** What the log of a thread says when the rows beside it have filled its holes. */
export type Mended = {
  /** Events that were missing and follow from rows. */
  events: Derived[]
  /** Rows that were missing and follow from events. */
  messages: StoredMessage[]
  /** Runs with no row, or one that the log has gone past. */
  runs: (StoredRun & { dispatch: RunState['dispatch'] })[]
  /** All events that there are now, those that were missing among them. */
  log: ThreadEvent[]
  /** Their fold, and whether they are all there ever were. */
  state: ThreadState
  exact: boolean
  /** Runs that are open in the fold and have lost events. */
  doubtful: string[]
  lost: Lost[]
}

const NO_SETTINGS: ThreadSettings = {
  idle_close_ms: 0,
  continue_as_new_every: 0,
  search_attributes: false,
  heartbeat_timeout_ms: 0,
  cli: '',
}

/** Compares the log with the rows that came from it, and tells what is missing on either side. Pure; the same facts give the same answer. */
export function mend(facts: ThreadFacts): Mended {
  const known = facts.events.map(fromLogEvent)
  const messages = missingMessages(facts, known)
  const walked = walk({ ...facts, messages: [...facts.messages, ...messages] }, known)
  const lost: Lost[] = ranges(walked.lost.map(({ seq }) => seq)).map(({ from, to }) => {
    const kinds = walked.lost.flatMap(({ seq, kind }) => (seq >= from && seq <= to && kind !== null ? [kind] : []))
    return { what: 'events', from_seq: from, to_seq: to, ref: '', ...(kinds.length === 0 ? {} : { kinds }) }
  })
  const seqs = new Set([...facts.messages, ...messages].map(({ message_seq }) => message_seq))
  const last = Math.max(facts.message_count, facts.snapshot?.message_seq ?? 0, ...seqs)
  const own = Array.from({ length: Math.max(0, last - facts.inherited) }, (_, index) => facts.inherited + index + 1)
  const gone = own.filter((seq) => !seqs.has(seq))
  for (const { from, to } of ranges(gone)) lost.push({ what: 'messages', from_seq: from, to_seq: to, ref: '' })
  const runs = missingRuns(facts, walked)
  for (const ref of lostRuns(facts, walked, runs)) lost.push({ what: 'run', from_seq: 0, to_seq: 0, ref })
  const { derived, all, state, doubtful } = walked
  const exact = facts.kept_from === 1 && walked.lost.length === 0
  return {
    events: derived,
    messages,
    runs,
    log: all,
    state,
    exact,
    doubtful: [...doubtful].filter((run_id) => run_id in state.runs),
    lost,
  }
}

function missingMessages({ messages }: ThreadFacts, known: ThreadEvent[]): StoredMessage[] {
  const there = new Set(messages.map(({ message_seq }) => message_seq))
  const made = madeOf(known)
  return known.flatMap((event) => {
    if (event.kind !== 'MessageCommitted' || there.has(event.payload.message_seq)) return []
    const { message_id, message_seq, role, content, visibility, step, read_by_step, interrupted, metadata } = event.payload
    const { seq: event_seq, at: created_at, caused_by = null, run_id } = event
    const optional = { interrupted: interrupted ?? false, metadata: metadata ?? null, read_by_step: read_by_step ?? null }
    const row = { message_id, message_seq, event_seq, caused_by, run_id, step, role, content, visibility, created_at }
    return { ...row, ...optional, made: made.get(event_seq) ?? null }
  })
}

type Walked = {
  derived: Derived[]
  all: ThreadEvent[]
  lost: { seq: number; kind: EventKind | null }[]
  state: ThreadState
  /** Runs that ended, as the log has them. */
  ended: Map<string, RunState>
  doubtful: Set<string>
}

/** Goes through the numbers in order: takes the event, or what the rows tell of it, or notes it as lost. */
function walk(facts: ThreadFacts, known: ThreadEvent[]): Walked {
  const clues = cluesOf(facts)
  const bySeq = new Map(known.map((event) => [event.seq, event]))
  const empty = emptyThread(facts.tenant, facts.thread_id, NO_SETTINGS)
  const walked: Walked = { derived: [], all: [], lost: [], state: empty, ended: new Map(), doubtful: new Set() }
  const whole = (run_id: string): boolean => !walked.doubtful.has(run_id)
  let previous: ThreadEvent | null = null
  for (let seq = facts.kept_from; seq <= facts.last_seq; seq++) {
    let event = bySeq.get(seq)
    if (event === undefined) {
      const before: Before = { state: walked.state, previous, whole }
      const clue = clues.get(seq)
      const derived: Derived | null = clue?.derive(before) ?? (previous === null ? null : resolvedFrom(previous, before))
      if (derived !== null) walked.derived.push(derived)
      event = derived?.event
      if (event === undefined) {
        walked.lost.push({ seq, kind: clue?.kind ?? null })
        // Whose it was is not known, so none of the runs that are open can be told from the log alone any more.
        for (const run_id of Object.keys(walked.state.runs)) walked.doubtful.add(run_id)
      }
    }
    previous = event ?? null
    if (event === undefined) continue
    walked.all.push(event)
    take(walked, event)
  }
  return walked
}

function take(walked: Walked, event: ThreadEvent): void {
  const { state } = walked
  const after = event.run_id === null ? undefined : evolveRun(state.runs[event.run_id], event, state.thread_id)
  if (after?.record.status === 'done') walked.ended.set(after.record.run_id, withEnd(after, event))
  walked.state = evolve(state, event)
}

/** The record's final text stands in the event only; steps and usage too, should the log have lost some of them. */
function withEnd(run: RunState, event: ThreadEvent): RunState {
  if (event.kind !== 'RunFinished') return run
  const { final_output, steps, usage } = event.payload
  const record: RunRecord = { ...run.record, final_output: final_output === '' ? null : final_output, steps, usage }
  return { ...run, record }
}

function missingRuns(facts: ThreadFacts, { all, ended, state, doubtful }: Walked): Mended['runs'] {
  const rows = new Map(facts.runs.map(({ record }) => [record.run_id, record]))
  const dispatches = new Set(facts.dispatches.map(({ run_id }) => run_id))
  const marks = marksOf(all)
  const runs = [...ended.values(), ...Object.values(state.runs)]
  const missing = runs.filter(({ record }) => {
    const row = rows.get(record.run_id)
    if (row === undefined || !dispatches.has(record.run_id)) return true
    return record.status !== row.status && !doubtful.has(record.run_id)
  })
  return missing.map(({ record, dispatch }) => {
    const own = marks.get(record.run_id) ?? {}
    const row = rows.get(record.run_id)
    const queued = Object.entries(own).find(([, mark]) => mark.kind === 'RunQueued')
    // A row that has ended stays as it is: it may know more than a log with holes.
    const kept = row?.status === 'done' || row?.status === record.status ? row : record
    return { record: kept, dispatch, marks: own, queued_seq: queued === undefined ? null : Number(queued[0]) }
  })
}

/** Runs that something names and nothing can tell any more. */
function lostRuns(facts: ThreadFacts, { all }: Walked, restored: Mended['runs']): string[] {
  const known = new Set([...facts.runs, ...restored].map(({ record }) => record.run_id))
  const named = new Set<string>()
  for (const { run_id, kind } of all) if (run_id !== null && !kind.startsWith('Pending')) named.add(run_id)
  for (const { run_id } of facts.messages) if (run_id !== null) named.add(run_id)
  for (const { run_id } of facts.dispatches) named.add(run_id)
  return [...named].filter((run_id) => !known.has(run_id))
}
