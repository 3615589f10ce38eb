import { z } from 'zod'
import { json, jsonObject } from './fields.ts'

/** What a message holds. */

const provider_options = jsonObject.optional()
const media = {
  media_type: z.string().optional(),
  url: z.string().optional(),
  data: z.string().optional().meta({ description: 'Base64' }),
}
export const contentPart = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('text'), text: z.string() }),
    z.object({ type: z.literal('image'), ...media }),
    z.object({ type: z.literal('file'), ...media }),
    z.object({ type: z.literal('reasoning'), text: z.string(), provider_options }),
    z.object({
      type: z.literal('tool_call'),
      tool_call_id: z.string(),
      tool_name: z.string(),
      arguments: json,
      provider_options,
    }),
    z.object({
      type: z.literal('tool_result'),
      tool_call_id: z.string(),
      tool_name: z.string(),
      status: z.enum(['success', 'error']),
      data: json,
      message: z.string().optional(),
    }),
  ])
  .meta({ id: 'ContentPart' })
export const content = z.union([z.string(), z.array(contentPart)])
