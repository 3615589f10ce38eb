import { z } from 'zod'
import { ticket } from '../../events/fields.ts'
import { EVENT_KINDS, eventSchema, isEventKind } from '../../events/schemas.ts'
import { cursor, json, jsonObject, limit } from './common.ts'

export const logEvent = eventSchema
export const eventList = z.object({ items: z.array(logEvent), next_cursor: z.string(), has_more: z.boolean(), limit: z.int() })
const kinds = z
  .string()
  .transform((text) => text.split(','))
  .transform((names, context) => {
    const unknown = names.filter((name) => !isEventKind(name))
    if (unknown.length === 0) return names.filter(isEventKind)
    const shown = unknown.slice(0, 5).map((name) => `"${name.slice(0, 100)}"`)
    context.addIssue(
      `must name kinds of events with commas between; there is no ${shown.join(', ')}. There are ${EVENT_KINDS.join(', ')}`,
    )
    return z.NEVER
  })
  .optional()
  .meta({
    description: 'Only events of these kinds, with commas between; cursors stay those of the whole log',
    example: 'RunStarted,RunFinished',
    override: { type: 'string' },
  })
export const eventQuery = z.object({ limit, cursor, kinds })
export const eventStreamQuery = z.object({ cursor, kinds })
export const runStreamQuery = z.object({
  cursor,
  from: z.enum(['start']).optional().meta({ description: 'Replay the run from its beginning instead of joining its open step' }),
})
export const threadStreamQuery = z.object({
  cursor,
  from: z
    .enum(['start'])
    .optional()
    .meta({ description: 'Replay all runs from the first instead of joining where the thread is' }),
})

const tool_result = z.object({
  tool_name: z.string(),
  status: z.enum(['success', 'pending', 'error']),
  data: json,
  message: z.string().optional(),
})
const id = z.string()
const frame = <T extends string, S extends z.ZodRawShape>(event_type: T, shape: S) =>
  z.object({ event_type: z.literal(event_type), ...shape })

const frames = [
  frame('run_start', { thread_id: id, run_id: id, parent_run_id: id.optional() }),
  frame('step_start', { message_id: id, attempt: z.int() }),
  frame('text_delta', { delta: z.string() }),
  frame('reasoning_delta', { delta: z.string() }),
  frame('tool_call_start', { id, name: z.string() }),
  frame('tool_call_delta', { id, args_delta: z.string() }),
  frame('tool_call_ready', { id, name: z.string(), arguments: json }),
  frame('tool_call_done', {
    id,
    message_id: id.nullable(),
    result: tool_result,
    outcome: z.enum(['succeeded', 'failed', 'suspended']),
  }),
  frame('tool_call_resumed', { target_id: id, result: json }),
  frame('tool_call_cancel', { id, name: z.string(), reason: z.string() }),
  frame('inference_complete', { model: z.string(), usage: jsonObject.optional(), duration_ms: z.number() }),
  frame('stream_reset', { reason: z.string() }),
  frame('step_end', {}),
  frame('run_waiting', { tickets: z.array(ticket) }),
  frame('run_finish', {
    thread_id: id,
    run_id: id,
    result: z.object({ response: z.string() }).optional(),
    termination: z.object({ type: z.string(), value: json.optional() }),
    tickets: z.array(ticket).optional(),
  }),
  frame('error', { message: z.string(), code: z.string().optional() }),
] as const
/** The frames of a run's stream, tagged by `event_type`. */
export const runEvent = z.discriminatedUnion('event_type', frames).meta({ id: 'RunEvent' })
export type RunEvent = z.infer<typeof runEvent>
/** The same on a thread's stream: every frame says whose it is. */
export const threadRunEvent = z
  .discriminatedUnion('event_type', frames.map((one) => z.object({ ...one.shape, run_id: id })) as unknown as typeof frames)
  .meta({ id: 'ThreadRunEvent' })

export const agentView = z
  .object({
    id,
    model: z.string(),
    tools: z.array(z.string()),
    description: z.string().nullable(),
    version: z.string(),
    limits: jsonObject.optional(),
  })
  .meta({ id: 'Agent' })
const component = z.object({ status: z.enum(['ok', 'down', 'unknown']), latency_ms: z.number().optional() })
export const healthView = z.object({
  status: z.enum(['ok', 'down', 'leaving']),
  version: z.string(),
  components: z.object({ store: component, temporal: component, worker: component }),
})
