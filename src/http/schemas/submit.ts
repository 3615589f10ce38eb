import { z } from 'zod'
import { SUBMIT_MODES, type SubmitMode } from '../../thread/command.ts'
import { BOUNDARIES, type Delivery } from '../../thread/pending.ts'
import { anyId, jsonObject, transportId } from './common.ts'
import { messageInputs } from './messages.ts'

/** What a submit may say beside its messages, and what is answered. */

const count = z.int().min(1).max(2_147_483_647)
export const overrides = z
  .strictObject({
    model: z.string().min(1).optional(),
    max_steps: count.optional(),
    token_budget: count.optional(),
    deadline_ms: count.optional(),
    tools: z.array(z.string().min(1)).optional(),
    response_format: jsonObject.optional(),
  })
  .meta({ id: 'RunOverrides' })
export const queuePolicy = z.enum(['keep', 'supersede', 'park'])

const boundary = z.enum(BOUNDARIES)
const granularity = z.enum(['one', 'batch'])
/** Strict: a delivery with a misspelt field would do something else than its writer thinks. */
const deliveryInput = z
  .strictObject({
    boundary: boundary.default('new_run'),
    granularity: granularity.default('batch'),
    barrier: z.boolean().default(false),
    target_run_id: anyId.optional(),
    fallback_to_new_run: z.boolean().default(true),
  })
  .refine((given) => given.boundary !== 'new_run' || given.target_run_id === undefined, {
    error: 'has no meaning with boundary new_run: a run that is open reads its messages at another boundary',
    path: ['target_run_id'],
  })
  .meta({ id: 'DeliveryInput', description: 'When a message is read, and by whom' })
export const delivery = z
  .object({
    boundary,
    granularity,
    barrier: z.boolean(),
    target_run_id: z.string().optional(),
    fallback_to_new_run: z.boolean(),
  })
  .meta({ id: 'Delivery' })

const MODES = [...SUBMIT_MODES, 'steer'] as const
/** `steer` is what people call it; the thread knows one name. */
const mode = (absent: SubmitMode) =>
  z
    .enum(MODES, { error: `must be one of ${MODES.join(', ')}` })
    .transform((given): SubmitMode => (given === 'steer' ? 'live_then_queue' : given))
    .default(absent)
    .meta({ override: { type: 'string', enum: [...MODES], default: absent } })

type Together = {
  messages: { id?: string | undefined }[]
  mode: SubmitMode
  delivery?: Delivery | z.output<typeof deliveryInput> | undefined
  durable?: boolean | undefined
  queue?: 'keep' | 'supersede' | 'park' | undefined
}

/** What cannot go together; the thread refuses it too, for those who come by another way. */
function checkTogether(given: Together, context: z.core.$RefinementCtx<Together>): void {
  const refuse = (field: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [field], message, input: given })
  }
  const { messages, delivery: asked, durable, queue } = given
  if (asked !== undefined && given.mode === 'foreground')
    refuse('delivery', 'cannot be given with mode foreground, whose messages are read at once')
  if (durable === true && (messages.length !== 1 || messages[0]?.id === undefined))
    refuse('durable', 'needs exactly one message, with an id: its run is named after it')
  if (durable === true && (given.mode !== 'queue' || asked !== undefined))
    refuse('durable', 'is queued for a run of its own: leave mode and delivery out')
  if (queue !== undefined && queue !== 'keep' && given.mode !== 'foreground' && given.mode !== 'interrupt_then_queue')
    refuse('queue', 'says what becomes of the queue when a run is replaced: only with mode foreground or interrupt_then_queue')
}

export const postMessages = z
  .object({
    messages: messageInputs,
    agent_id: z.string().min(1).optional(),
    mode: mode('queue'),
    delivery: deliveryInput.optional(),
    durable: z.boolean().optional().meta({ description: 'The run is named after the message, so a repeat is the same run' }),
    queue: queuePolicy.optional(),
    metadata: jsonObject.optional(),
    overrides: overrides.optional(),
    transport_request_id: transportId.optional(),
  })
  .superRefine(checkTogether)
export const postInputs = z
  .object({
    messages: messageInputs,
    mode: mode('live_then_queue'),
    delivery: deliveryInput.optional(),
    metadata: jsonObject.optional(),
    overrides: overrides.optional(),
  })
  .superRefine(checkTogether)

export const messagesAccepted = z.object({
  status: z.enum(['running', 'queued']),
  thread_id: z.string(),
  run_id: z.string().meta({ description: 'The run that reads the messages' }),
  dispatch_id: z.string(),
  message_ids: z.array(z.string()),
})
export const requeued = z.object({ ...messagesAccepted.shape, retry_of: z.string() })
export const inputsAccepted = z.object({
  status: z.literal('inputs_accepted'),
  thread_id: z.string(),
  run_id: z.string().meta({ description: 'The run that was named' }),
  accepted_by_run_id: z.string().meta({ description: 'The run that reads the messages' }),
  dispatch_id: z.string(),
  message_ids: z.array(z.string()),
})
