import { z } from 'zod'
import { ticket } from '../../events/fields.ts'
import { actor, anyId, flag, json, jsonObject, milliseconds, page, threadId, timestamp, transportId } from './common.ts'
import { messageInputs } from './messages.ts'
import { overrides, queuePolicy } from './submit.ts'

export const postRun = z.object({
  agent_id: z.string({ error: 'is needed: the id of an agent, see GET /v1/agents' }).min(1, 'must not be empty'),
  thread_id: threadId.optional(),
  messages: messageInputs,
  metadata: jsonObject.optional(),
  overrides: overrides.optional(),
  queue: queuePolicy.optional(),
  parent_run_id: anyId.optional(),
  transport_request_id: transportId.optional(),
  on_disconnect: z.enum(['continue', 'cancel']).default('continue'),
})

const termination = z.object({ type: z.string(), value: json.optional() }).meta({
  id: 'Termination',
  description: 'natural_end, stopped, cancelled, blocked, error, coalesced or superseded; suspended on a stream that pauses',
})
export const runRecord = z
  .object({
    run_id: z.string(),
    thread_id: z.string(),
    agent_id: z.string(),
    agent_version: z.string().nullable(),
    parent_run_id: z.string().nullable(),
    retry_of: z.string().nullable(),
    dispatch_id: z.string(),
    status: z.enum(['created', 'running', 'waiting', 'done']),
    termination: termination.nullable(),
    waiting: z.object({ reason: z.string(), tickets: z.array(ticket), since: timestamp }).nullable(),
    input: z.object({
      trigger_message_ids: z.array(z.string()),
      message_seq_from: z.int().nullable(),
      message_seq_to: z.int().nullable(),
    }),
    output: z.object({ message_ids: z.array(z.string()) }),
    final_output: z.string().nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    steps: z.int(),
    usage: z.object({ input_tokens: z.int(), output_tokens: z.int() }),
    metadata: jsonObject.nullable(),
    overrides: jsonObject.nullable(),
    transport_request_id: z.string().nullable(),
    created_at: timestamp,
    started_at: timestamp.nullable(),
    finished_at: timestamp.nullable(),
    updated_at: timestamp,
  })
  .meta({ id: 'Run' })
export const dispatchRecord = z
  .object({
    dispatch_id: z.string(),
    thread_id: z.string(),
    run_id: z.string(),
    status: z.enum(['queued', 'claimed', 'acked', 'cancelled', 'superseded', 'dead_letter']),
    dispatch_epoch: z.int(),
    attempt_count: z.int(),
    max_attempts: z.int(),
    available_at: timestamp,
    claimed_by: z.string().nullable(),
    last_error: z.string().nullable(),
    created_at: timestamp,
    updated_at: timestamp,
    completed_at: timestamp.nullable(),
  })
  .meta({ id: 'Dispatch' })

export const runQuery = z.object({
  ...page,
  status: z.enum(['created', 'running', 'waiting', 'done'], { error: 'must be created, running, waiting or done' }).optional(),
})
export const dispatchQuery = z.object({
  ...page,
  status: z.enum(['queued', 'claimed', 'acked', 'cancelled', 'superseded', 'dead_letter']).optional(),
})
export const waitQuery = z.object({ timeout_ms: milliseconds })
export const cancelQuery = z.object({ wait: flag })

export const postInterrupt = z.object({ queue: queuePolicy.default('supersede') })
export const interruptAccepted = z.object({
  status: z.literal('interrupt_requested'),
  thread_id: z.string(),
  run_id: z.string().nullable(),
  superseded_dispatches: z.int(),
  undelivered_messages: z.int().meta({ description: 'Messages that were queued and that nobody will read for this' }),
})
export const queueResumed = z.object({
  status: z.literal('queue_resumed'),
  thread_id: z.string(),
  resumed: z.boolean().meta({ description: 'False: it was not parked' }),
  pending: z.int(),
  run_id: z.string().nullable().meta({ description: 'The run that this has started, if any' }),
})
export const cancelAccepted = z.object({
  status: z.literal('cancel_requested'),
  thread_id: z.string(),
  run_id: z.string(),
  run: runRecord.optional().meta({ description: 'With `wait=true`: the record as it ended' }),
})
export const postDecision = z
  .object({
    tool_call_id: z.string().min(1).max(256).optional(),
    ticket_id: anyId.optional(),
    action: z.enum(['resume', 'cancel'], { error: 'must be resume or cancel' }),
    payload: json.optional(),
    reason: z.string().max(4_096).optional(),
    decision_id: anyId.optional(),
    by: actor.optional(),
  })
  .refine((body) => body.tool_call_id !== undefined || body.ticket_id !== undefined, {
    error: 'needs tool_call_id or ticket_id',
    path: ['tool_call_id'],
  })
  .meta({ anyOf: [{ required: ['tool_call_id'] }, { required: ['ticket_id'] }] })
/** An open ticket with its thread and run. */
export const openTicket = z
  .object({ thread_id: z.string(), run_id: z.string(), agent_id: z.string(), ...ticket.shape })
  .meta({ id: 'OpenTicket' })
export const inboxQuery = z.object({ ...page, thread_id: threadId.optional() })
export const decisionAccepted = z.object({
  status: z.literal('decision_submitted'),
  thread_id: z.string(),
  run_id: z.string(),
  tool_call_id: z.string(),
  ticket_id: z.string(),
  decision_id: z.string(),
  delivery_path: z.enum(['live', 'durable']),
})
