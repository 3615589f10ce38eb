import type { EventDraft, EventKind, ThreadEvent } from '../event.ts'
import type { ThreadState } from '../state.ts'

/** An event that a row tells of; `lost` names the places of its payload that nothing tells. */
export type Derived = { event: ThreadEvent; lost: string[] }
/** What the events before it have come to, for those that cannot be told from a row alone. `whole`: none is missing. */
export type Before = { state: ThreadState; previous: ThreadEvent | null; whole: (run_id: string) => boolean }
/** Tells the event of one number, or null where it cannot after all; `kind` is known even then. */
export type Clue = { kind: EventKind; derive: (before: Before) => Derived | null }

/** An event with its number and time, as a row tells it. */
export function told(seq: number, at: number, caused_by: string | null | undefined, draft: EventDraft): ThreadEvent {
  return { seq, at, ...draft, ...(caused_by == null ? {} : { caused_by }) } as ThreadEvent
}
