import type { LogEvent } from '../envelope.ts'
import type { Content, Role, Visibility } from '../message.ts'
import type { JsonObject } from '../json.ts'
import type { DispatchRecord, RunRecord } from '../records.ts'
import type { PendingEntry, Snapshot } from '../state.ts'
import type { Trace } from './traced.ts'
import type { Made, Marks } from './traces.ts'

/** What the store has of one thread, as far as a repair looks at it. Times in ms. */
export type ThreadFacts = {
  tenant: string
  thread_id: string
  epoch: number
  /** The number in the thread's row; `last_seq` is the highest that any row tells of. */
  row_seq: number
  last_seq: number
  /** The first number that retention has left in the log; 1 where it has dropped nothing. */
  kept_from: number
  message_count: number
  /** A fork's conversation begins with so many messages that are another thread's; `messages` has only its own. */
  inherited: number
  /** As the thread's row has it. */
  agent_id: string | null
  queue: PendingEntry[]
  events: LogEvent[]
  /** Of events that no other row tells of: see traced.ts. */
  traces: Trace[]
  messages: StoredMessage[]
  runs: StoredRun[]
  dispatches: DispatchRecord[]
  pending: StoredPending[]
  snapshot: Snapshot | null
}

/** A message's row, with the number of its event (null: from before that was kept). */
export type StoredMessage = {
  message_id: string
  message_seq: number
  event_seq: number | null
  caused_by: string | null
  run_id: string | null
  step: number | null
  role: Role
  content: Content
  visibility: Visibility
  interrupted: boolean
  metadata: JsonObject | null
  created_at: number
  read_by_step: number | null
  made: Made | null
}
export type StoredRun = { record: RunRecord; marks: Marks; queued_seq: number | null }
export type StoredPending = { pending_id: string; content: Content }

/**
 * What cannot be derived. `events` and `messages` by number (`kinds` where they are known), others by id. `restored`:
 * numbers, or a pending message, that a living thread knew and the store, set back, did not; the numbers are used again.
 */
export type Lost = {
  what: 'events' | 'messages' | 'run' | 'pending' | 'state' | 'restored'
  from_seq: number
  to_seq: number
  ref: string
  kinds?: string[]
}

/** Ranges of numbers that follow each other. */
export function ranges(numbers: readonly number[]): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = []
  for (const number of numbers) {
    const last = found.at(-1)
    if (last !== undefined && last.to === number - 1) last.to = number
    else found.push({ from: number, to: number })
  }
  return found
}
