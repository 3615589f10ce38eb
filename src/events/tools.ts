import { z } from 'zod'
import { decider, deliveryPath, id, json, ms, sequence, ticket, timestamp } from './fields.ts'

const call = { step: sequence, tool_call_id: id, tool_name: z.string() }
const decision = {
  dispatch_id: id,
  ticket_id: id,
  tool_call_id: id,
  decision_id: id,
  action: z.enum(['resume', 'cancel']),
  reason: z.string().nullable(),
  decided_by: decider,
  delivery_path: deliveryPath,
  resume_updated_at: timestamp,
}

/** Payloads of tool calls and of what people decide about them. */
export const toolPayloads = {
  ToolCallReady: z.object({
    ...call,
    model_attempt: sequence,
    arguments: json,
    disposition: z.enum(['run', 'approve', 'external', 'reject']),
    repeatable: z.boolean(),
    expires_in_ms: ms.nullable(),
    timeout_ms: ms.nullable(),
  }),
  ToolCallDone: z.object({
    ...call,
    message_id: id,
    outcome: z.enum(['succeeded', 'failed']),
    result: z.object({
      tool_name: z.string(),
      status: z.enum(['success', 'error']),
      data: json,
      message: z.string().optional(),
    }),
  }),
  ToolCallCancelled: z.object({ ...call, message_id: id, reason: z.string() }),
  ToolPermissionRequested: z.object({ step: sequence, ticket }),
  ToolPermissionResolved: z.object({
    ...decision,
    step: sequence,
    approved: z.boolean(),
    answered: z.boolean(),
    edited_args_seq: sequence.nullable(),
    remember: z.boolean(),
  }),
  ToolPermissionExpired: z.object({ step: sequence, ticket_id: id, tool_call_id: id }),
  MailboxDecisionReceived: z.object({ ...decision, result: json, origin: z.string() }),
}
