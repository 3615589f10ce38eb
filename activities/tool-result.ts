import type { Json } from '../src/thread/json.ts'
import { utf8Length } from '../src/thread/json.ts'

/** A result larger than this (bytes of JSON) is cut: it would be in every later model call. */
export const MAX_RESULT_BYTES = 256 * 1024
const PREVIEW_CHARACTERS = 4_000
/** The message travels through Temporal, the data does not. */
const MAX_MESSAGE_CHARACTERS = 2_000

export type ToolResult = { status: 'success' | 'error'; data: Json; message?: string }

/** What a tool returned, as JSON. What JSON cannot express becomes null or text, as JSON.stringify does it; bigints become text. */
export function toolResult(value: unknown): ToolResult {
  let text: string
  try {
    text =
      (JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner)) as
        string | undefined) ?? 'null'
  } catch (error) {
    return failedResult(
      `the tool returned something that is not JSON: ${error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : 'unknown'}`,
    )
  }
  const bytes = utf8Length(text)
  if (bytes <= MAX_RESULT_BYTES) return { status: 'success', data: JSON.parse(text) as Json }
  const preview = text.slice(0, PREVIEW_CHARACTERS)
  return {
    status: 'success',
    data: { truncated: true, bytes, preview },
    message: `the result has ${String(bytes)} bytes, more than the ${String(MAX_RESULT_BYTES)} that are kept; data.preview is its beginning`,
  }
}

/** An error as a result: the model reads the message and may try something else. */
export function failedResult(message: string): ToolResult {
  const text = message.slice(0, MAX_MESSAGE_CHARACTERS)
  return { status: 'error', data: { error: text }, message: text }
}
