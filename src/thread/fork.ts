import type { EventOf, Payloads } from './event.ts'
import { evolve } from './evolve.ts'
import { emptyThread, toSnapshot } from './state-init.ts'
import type { Snapshot, ThreadSettings } from './state.ts'

/** They come with loading and are no part of a snapshot. */
const UNSET: ThreadSettings = {
  idle_close_ms: 0,
  continue_as_new_every: 0,
  search_attributes: false,
  heartbeat_timeout_ms: 0,
  cli: '',
}

/** How a forked thread begins: its first event, and the state that any workflow of it will load. `at` in ms. */
export function forkedThread(
  ref: { tenant: string; thread_id: string },
  at: number,
  payload: Payloads['ThreadForked'],
): { event: EventOf<'ThreadForked'>; snapshot: Snapshot } {
  const event: EventOf<'ThreadForked'> = { seq: 1, at, kind: 'ThreadForked', run_id: null, payload }
  return { event, snapshot: toSnapshot(evolve(emptyThread(ref.tenant, ref.thread_id, UNSET), event)) }
}
