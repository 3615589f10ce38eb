import { z } from 'zod'

/** Shapes that several kinds of events share, as HTTP shows them. */

export const timestamp = z.iso
  .datetime()
  .meta({ id: 'Timestamp', description: 'RFC 3339, UTC, with milliseconds', example: '2025-01-31T12:00:00.000Z' })
export const json = z.json().meta({ id: 'Json', description: 'Any JSON value' })
export const jsonObject = z.record(z.string(), z.json()).meta({ id: 'JsonObject', description: 'A JSON object' })

export const id = z.string().min(1)
export const sequence = z.int().min(1)
export const count = z.int().min(0)
export const ms = z.number().min(0)

const dispatchStatus = z
  .enum(['queued', 'claimed', 'acked', 'cancelled', 'superseded', 'dead_letter'])
  .meta({ id: 'DispatchStatus' })
/** What every scheduling event says of its dispatch. */
export const dispatchFacts = {
  dispatch_id: id,
  dispatch_epoch: count.meta({ description: 'Counts the interrupts of the thread' }),
  attempt_count: sequence.meta({ description: 'The highest attempt of its steps so far' }),
  status: dispatchStatus,
  available_at: timestamp,
  created_at: timestamp,
  updated_at: timestamp,
}

export const decider = z
  .object({ id: z.string().optional(), name: z.string().optional() })
  .nullable()
  .meta({ id: 'Decider', description: 'Who did it, where that is known' })
export const deliveryPath = z
  .enum(['live', 'durable'])
  .meta({ description: 'Whether the run still worked, or waited, when the decision came' })
export const role = z.enum(['user', 'assistant', 'system', 'tool'])
export const visibility = z.enum(['external', 'internal'])
export const usage = z.object({ input_tokens: count, output_tokens: count }).meta({ id: 'Usage' })
export const waitingReason = z.enum(['tool_permission', 'user_input', 'external_event'])

export const ticket = z
  .object({
    ticket_id: z.string(),
    tool_call_id: z.string(),
    tool_name: z.string(),
    arguments: json,
    reason: waitingReason,
    created_at: timestamp,
    expires_at: timestamp.optional(),
  })
  .meta({ id: 'Ticket' })

const ended = <T extends string>(type: T) => z.object({ type: z.literal(type) })
/** Why a run ended; never `suspended`, which is the reason of a pause on a stream. */
export const termination = z
  .discriminatedUnion('type', [
    ended('natural_end'),
    ended('stopped').extend({
      value: z.object({ code: z.enum(['max_steps', 'token_budget', 'deadline']), detail: z.string().optional() }),
    }),
    ended('cancelled'),
    ended('blocked').extend({ value: z.string().optional() }),
    ended('error').extend({ value: z.string() }),
    ended('coalesced').extend({ value: id.meta({ description: 'The run that took its messages' }) }),
    ended('superseded').extend({ value: z.string().optional() }),
  ])
  .meta({ id: 'RunTermination' })

export const limits = z.object({
  max_steps: sequence,
  token_budget: sequence.optional(),
  deadline_ms: sequence.optional(),
})
export const overrides = z
  .object({
    model: z.string().optional(),
    max_steps: sequence.optional(),
    token_budget: sequence.optional(),
    deadline_ms: sequence.optional(),
    tools: z.array(z.string()).optional(),
    response_format: jsonObject.optional(),
  })
  .meta({ id: 'PinnedOverrides' })
export const delivery = z
  .object({
    boundary: z.enum(['interrupt', 'next_step', 'on_natural_end', 'resume_input', 'new_run']),
    granularity: z.enum(['one', 'batch']),
    barrier: z.boolean(),
    target_run_id: id.optional(),
    fallback_to_new_run: z.boolean(),
  })
  .meta({ id: 'PendingDelivery' })
