import type { JsonObject } from './json.ts'
import type { PendingEntry, ThreadState } from './state.ts'

/** A pending message as outcomes and conflicts show it: without what people wrote, which is in the store. */
export function entryView(state: ThreadState, entry: PendingEntry): JsonObject {
  const { pending_id, revision, role, visibility, delivery, agent_id, for_run_id, held_until, created_at } = entry
  return {
    pending_id,
    position: state.queue.indexOf(entry) + 1,
    revision,
    role,
    visibility,
    delivery: { ...delivery },
    agent_id,
    run_id: for_run_id ?? delivery.target_run_id ?? null,
    held_until: held_until === undefined ? null : new Date(held_until).toISOString(),
    created_at: new Date(created_at).toISOString(),
  }
}
