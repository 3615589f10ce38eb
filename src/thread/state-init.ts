import { unpacked, type Packed, type StoredSnapshot } from './packed.ts'
import type { LedgerEntry, Snapshot, ThreadSettings, ThreadState, Unstored } from './state.ts'

export const NOTHING_UNSTORED: Unstored = { events: [], bytes: 0, ended: [], ledger: [] }

/** A thread that nothing has happened to. */
export function emptyThread(tenant: string, thread_id: string, settings: ThreadSettings): ThreadState {
  return {
    version: 1,
    tenant,
    thread_id,
    settings,
    epoch: 0,
    event_seq: 0,
    message_seq: 0,
    last_message_id: null,
    last_activity_at: 0,
    dispatch_epoch: 0,
    latest_agent_id: null,
    allowed_tools: [],
    queue: [],
    queue_revision: 0,
    departed: [],
    parked: false,
    shared: {},
    active_run_id: null,
    runs: {},
    decided: [],
    ledger: [],
    commands: 0,
    unstored: NOTHING_UNSTORED,
    needs_reconcile: null,
  }
}

/** The state as the execution before has handed it over; one by an older version may lack what has been added since. */
export function fromPredecessor(handedOver: Packed<ThreadState>): ThreadState {
  const state = unpacked(handedOver)
  return { ...emptyThread(state.tenant, state.thread_id, state.settings), ...state, commands: 0 }
}

/** What the store keeps of the state: everything but what has rows of its own or comes with loading. */
export function toSnapshot(state: ThreadState): Snapshot {
  const { ledger: _ledger, unstored: _unstored, settings: _settings, commands: _commands, epoch: _epoch, ...snapshot } = state
  return snapshot
}

/**
 * The state as the store has it. A snapshot that does not reach the log's end (or a log without a snapshot) cannot
 * be continued without renumbering, so the thread then asks to be reconciled.
 */
export function fromStore(
  ref: { tenant: string; thread_id: string },
  loaded: { epoch: number; last_seq: number; snapshot: StoredSnapshot | null; ledger: LedgerEntry[]; settings: ThreadSettings },
): ThreadState {
  const base = emptyThread(ref.tenant, ref.thread_id, loaded.settings)
  const snapshot = loaded.snapshot === null ? {} : unpacked(loaded.snapshot)
  const state: ThreadState = { ...base, ...snapshot, epoch: loaded.epoch, ledger: loaded.ledger }
  if (state.event_seq === loaded.last_seq) return state
  const problem = `the log ends at event ${String(loaded.last_seq)}, the snapshot at ${String(state.event_seq)}`
  return { ...state, needs_reconcile: problem }
}
