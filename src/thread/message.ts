import type { Json, JsonObject } from './json.ts'

/** Roles a message in the conversation can have; clients may submit all but `tool`. */
export type Role = 'user' | 'assistant' | 'system' | 'tool'
export const SUBMITTABLE_ROLES: readonly Role[] = ['user', 'assistant', 'system']
export type Visibility = 'external' | 'internal'

export type TextPart = { type: 'text'; text: string }
export type MediaPart = { type: 'image' | 'file'; media_type?: string; url?: string; data?: string }
export type ReasoningPart = { type: 'reasoning'; text: string; provider_options?: JsonObject }
export type ToolCallPart = {
  type: 'tool_call'
  tool_call_id: string
  tool_name: string
  arguments: Json
  provider_options?: JsonObject
}
export type ToolResultPart = {
  type: 'tool_result'
  tool_call_id: string
  tool_name: string
  status: 'success' | 'error'
  data: Json
  message?: string
}
/** What a client may send. */
export type InputPart = TextPart | MediaPart
/** What a stored message may hold. */
export type ContentPart = InputPart | ReasoningPart | ToolCallPart | ToolResultPart
/** A string is short for one text part; plain text answers are stored as a string. */
export type Content = string | ContentPart[]

/** A message as a client submits it. */
export type MessageInput = {
  id?: string
  role: Role
  content: string | InputPart[]
  visibility?: Visibility
  metadata?: JsonObject
}

/** The log's name for what a message is (carried over from the source server's `message_kind`). */
export type MessageKind = 'user_input' | 'internal_user_input' | 'assistant_output' | 'tool_result' | 'system' | 'internal_system'

/** Source: seed 004, `message_kind`. */
export function messageKind(role: Role, visibility: Visibility): MessageKind {
  switch (role) {
    case 'user':
      return visibility === 'internal' ? 'internal_user_input' : 'user_input'
    case 'assistant':
      return 'assistant_output'
    case 'tool':
      return 'tool_result'
    case 'system':
      return visibility === 'internal' ? 'internal_system' : 'system'
  }
}

/** Content as a list of parts, whatever form it was given in. */
export function contentParts(content: Content): ContentPart[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content
}
