import type { JsonObject } from './json.ts'

/** Every reason the core can have to refuse a command. HTTP statuses are given in one table in src/http. */
export type RejectionCode =
  | 'invalid_command'
  | 'unknown_command'
  | 'undecodable_payload'
  | 'payload_too_large'
  | 'queue_full'
  | 'store_unavailable'
  | 'idempotency_conflict'
  | 'message_id_conflict'
  | 'agent_conflict'
  | 'delivery_blocked'
  | 'precondition_required'
  | 'revision_conflict'
  | 'pending_not_found'
  | 'already_consumed'
  | 'pending_gone'
  | 'nothing_to_interrupt'
  | 'run_not_found'
  | 'ticket_not_found'
  | 'invalid_decision'
  | 'already_decided'
  | 'needs_reconcile'
  | 'thread_deleted'

/** A refusal: `message` says what to do next; `detail` carries the facts that a program needs. */
export type Rejection = { code: RejectionCode; message: string; detail?: JsonObject }

/** The answer to a command, as the update returns it and the ledger keeps it. */
export type Reply = { ok: true; outcome: JsonObject; event_seq: number } | { ok: false; rejection: Rejection; event_seq: number }

/** A reply on its way out. `replayed`: the command had been applied before; `degraded`: the store is behind. */
export type Answer = Reply & { replayed: boolean; degraded: boolean }

export function reject(code: RejectionCode, message: string, detail?: JsonObject): Rejection {
  return detail === undefined ? { code, message } : { code, message, detail }
}
