import type { CommandType } from '../src/thread/command.ts'

/** Any of them may carry these: an id under which it is applied once, and who sends it. */
const ANY = '"command_id"?, "by"?: {"id"?, "name"?}'
const REVISION = 'the one you have seen, a list of them, or "any"'

/** What each command is for, as the Temporal UI and `temporal workflow metadata` show it. */
export const DESCRIPTIONS: Record<CommandType, string> = {
  submit: `Give messages to the thread: {"messages":[{"role":"user","content":"…","id"?,"visibility"?,"metadata"?}], "mode"?:"queue" (default)|"steer"|"interrupt_then_queue"|"resume_open_run"|"foreground"|"internal_wake", "delivery"?:{"boundary","granularity","barrier","target_run_id","fallback_to_new_run"}, "durable"?, "queue"?:"keep"|"supersede"|"park", "agent_id"?, "run_id"?, "overrides"?:{"model","max_steps","token_budget","deadline_ms","tools","response_format"}, "metadata"?, "parent_run_id"?, "retry_of"?, "transport_request_id"?, ${ANY}}`,
  interrupt: `Stop the open run: {"queue"?:"supersede" (default)|"keep"|"park", ${ANY}}`,
  resume_queue: `Let a parked queue go on: {${ANY}}`,
  cancel: `Cancel one run: {"run_id"? (a run or dispatch id; without it the open run), ${ANY}}`,
  decision: `Answer a ticket: {"tool_call_id" or "ticket_id", "action":"resume"|"cancel", "payload"?:{"approved"?,"edited_args"?,"result"?,"remember"?,"reason"?}, "reason"?, "decision_id"?, ${ANY}}. A question is answered with "payload":{"result":…}`,
  edit_pending: `Reword a message that no run has read: {"pending_id", "message":{"content":"…","role"?,"visibility"?,"metadata"?}, "expected_revision" (${REVISION}), ${ANY}}`,
  retract_pending: `Take such a message back: {"pending_id", "expected_revision" (${REVISION}), ${ANY}}`,
  reorder_pending: `Put the queue into another order: {"pending_ids":[all of them], "expected_queue_revision" (${REVISION}), ${ANY}}`,
  hold_pending: `Keep a message from being read for a while: {"pending_id", "ttl_ms"? (1 to 600000, 60000 if absent), ${ANY}}`,
  release_pending: `Let a held message go: {"pending_id", ${ANY}}`,
  wake: 'Load the thread and go on with whatever it was doing: {}',
}
