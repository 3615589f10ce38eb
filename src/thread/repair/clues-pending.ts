import { told, type Clue } from './clue.ts'
import type { ThreadFacts } from './facts.ts'

/** The delivery of what still waits, as long as nobody has changed it: an edit leaves the new wording only. */
export function* deliveryClues({ queue, pending }: ThreadFacts): Generator<[number, Clue]> {
  for (const row of pending) {
    const entry = queue.find(({ pending_id }) => pending_id === row.pending_id)
    if (entry === undefined || row.event_seq === null) continue
    const seq = row.event_seq
    const { pending_id, role, visibility, metadata, delivery, agent_id, overrides_key, overrides, for_run_id } = entry
    // Without a run of its own it was meant for an open one; if it names none any more, its delivery was changed.
    const changed = entry.revision > 1 || (for_run_id === null && delivery.target_run_id === undefined)
    const payload = {
      ...{ pending_id, role, content: row.content, visibility, delivery, agent_id, overrides_key, for_run_id },
      ...(metadata === undefined ? {} : { metadata }),
      ...(overrides === undefined ? {} : { overrides }),
    }
    const run_id = for_run_id ?? delivery.target_run_id ?? null
    const event = told(seq, entry.created_at, row.caused_by, { kind: 'PendingDelivered', run_id, payload })
    yield [seq, { kind: 'PendingDelivered', derive: () => (changed ? null : { event, lost: [] }) }]
  }
}
