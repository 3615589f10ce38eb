import type { JsonObject } from '../thread/json.ts'
import type { RejectionCode } from '../thread/reply.ts'

/** Refusals that arise at the edge, before or beside the core. */
export type HttpProblemCode =
  | 'invalid_request'
  | 'malformed_json'
  | 'invalid_cursor'
  | 'invalid_arguments'
  | 'unknown_agent'
  | 'parent_cycle'
  | 'parent_not_found'
  | 'unauthenticated'
  | 'forbidden'
  | 'key_not_found'
  | 'rate_limited'
  | 'authentication_unavailable'
  | 'not_found'
  | 'thread_not_found'
  | 'agent_not_found'
  | 'message_not_found'
  | 'dispatch_not_found'
  | 'webhook_not_found'
  | 'webhook_refused'
  | 'webhook_disabled'
  | 'delivery_not_found'
  | 'delivery_not_failed'
  | 'too_many_webhooks'
  | 'method_not_allowed'
  | 'not_acceptable'
  | 'wait_timeout'
  | 'thread_exists'
  | 'thread_has_children'
  | 'open_tool_calls'
  | 'not_dead_letter'
  | 'cursor_expired'
  | 'body_too_large'
  | 'unsupported_media_type'
  | 'too_many_streams'
  | 'thread_unavailable'
  | 'internal_error'
export type ProblemCode = RejectionCode | HttpProblemCode

/** `retry_after`: seconds for Retry-After where trying again helps. */
export type ProblemKind = { status: number; title: string; retry_after?: number }

/** The one place that gives an error code its HTTP status. What each means and what to do stands in docs/errors.md. */
export const PROBLEMS: Readonly<Record<ProblemCode, ProblemKind>> = {
  invalid_command: { status: 400, title: 'The command is not valid' },
  unknown_command: { status: 400, title: 'There is no such command' },
  undecodable_payload: { status: 400, title: 'The payload cannot be read' },
  invalid_request: { status: 400, title: 'The request is not valid' },
  malformed_json: { status: 400, title: 'The body is not JSON' },
  invalid_cursor: { status: 400, title: 'The cursor is not valid' },
  webhook_refused: { status: 400, title: 'The service may not call this address' },
  invalid_decision: { status: 400, title: 'The decision is not clear' },
  invalid_arguments: { status: 400, title: 'The edited arguments do not fit the tool' },
  unknown_agent: { status: 400, title: 'There is no such agent' },
  parent_cycle: { status: 400, title: 'A thread cannot be its own ancestor' },
  parent_not_found: { status: 400, title: 'The parent thread does not exist' },
  unauthenticated: { status: 401, title: 'Say who you are' },
  forbidden: { status: 403, title: 'You may not do this' },
  not_found: { status: 404, title: 'There is nothing at this address' },
  thread_not_found: { status: 404, title: 'There is no such thread' },
  agent_not_found: { status: 404, title: 'There is no such agent' },
  key_not_found: { status: 404, title: 'There is no such key' },
  message_not_found: { status: 404, title: 'There is no such message' },
  pending_not_found: { status: 404, title: 'There is no such pending message' },
  dispatch_not_found: { status: 404, title: 'There is no such dispatch' },
  webhook_not_found: { status: 404, title: 'There is no such webhook' },
  delivery_not_found: { status: 404, title: 'There is no such delivery' },
  run_not_found: { status: 404, title: 'There is no such run' },
  ticket_not_found: { status: 404, title: 'Nothing waits for this decision' },
  nothing_to_interrupt: { status: 404, title: 'Nothing is active and nothing is queued' },
  method_not_allowed: { status: 405, title: 'This address has other methods' },
  not_acceptable: { status: 406, title: 'The answer has other media types' },
  wait_timeout: { status: 408, title: 'The run has neither ended nor paused yet' },
  thread_exists: { status: 409, title: 'A thread has this id already' },
  thread_has_children: { status: 409, title: 'The thread has child threads' },
  open_tool_calls: { status: 409, title: 'A tool call would be left without its result' },
  message_id_conflict: { status: 409, title: 'A message has this id already' },
  agent_conflict: { status: 409, title: 'The open run has another agent' },
  delivery_blocked: { status: 409, title: 'An earlier message stands in the way' },
  already_decided: { status: 409, title: 'The ticket is decided already' },
  revision_conflict: { status: 409, title: 'It has changed since it was read' },
  not_dead_letter: { status: 409, title: 'Only a dead letter can be queued again' },
  delivery_not_failed: { status: 409, title: 'The delivery has not failed' },
  webhook_disabled: { status: 409, title: 'The webhook is disabled' },
  too_many_webhooks: { status: 409, title: 'There are as many webhooks as the service takes' },
  already_consumed: { status: 410, title: 'A run has read the message' },
  pending_gone: { status: 410, title: 'The message has left the queue unread' },
  thread_deleted: { status: 410, title: 'The thread was deleted' },
  cursor_expired: { status: 410, title: 'The cursor is out of reach' },
  body_too_large: { status: 413, title: 'The body is too large' },
  payload_too_large: { status: 413, title: 'The content is too large' },
  unsupported_media_type: { status: 415, title: 'The body must be JSON' },
  idempotency_conflict: { status: 422, title: 'The key was used with another request' },
  precondition_required: { status: 428, title: 'Say which revision you have seen' },
  queue_full: { status: 429, title: 'The queue of this thread is full', retry_after: 5 },
  rate_limited: { status: 429, title: 'Too many requests', retry_after: 60 },
  too_many_streams: { status: 429, title: 'Too many streams are open', retry_after: 5 },
  internal_error: { status: 500, title: 'Something went wrong on our side' },
  store_unavailable: { status: 503, title: 'The store cannot be reached', retry_after: 1 },
  authentication_unavailable: { status: 503, title: 'Tokens cannot be checked just now', retry_after: 5 },
  thread_unavailable: { status: 503, title: 'The thread did not answer in time', retry_after: 1 },
  needs_reconcile: { status: 503, title: 'The thread must be mended first', retry_after: 60 },
}

/** The body of every error answer (RFC 9457). `error` repeats `detail` for clients that read only that. */
export type ProblemBody = JsonObject & {
  type: string
  title: string
  status: number
  detail: string
  code: string
  error: string
}

/** Thrown by handlers and middleware; the error middleware turns it into a problem document. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem'
  readonly code: ProblemCode
  readonly facts: JsonObject
  readonly headers: Record<string, string>
  /** `detail` is shown to the caller: a sentence that says what to do. `facts` become further members of the body. */
  constructor(code: ProblemCode, detail: string, facts: JsonObject = {}, headers: Record<string, string> = {}) {
    super(detail)
    this.code = code
    this.facts = facts
    this.headers = headers
  }
}

/** The document for one problem. Facts never replace the standard members. */
export function problemBody(problem: HttpProblem): ProblemBody {
  const { status, title } = PROBLEMS[problem.code]
  return {
    ...problem.facts,
    type: `/docs/errors#${problem.code}`,
    title,
    status,
    detail: problem.message,
    code: problem.code,
    error: problem.message,
  }
}
