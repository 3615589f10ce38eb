import type { ModelMessage } from 'ai'
import type { MessageRow } from '../store/store.ts'
import { isObject, type JsonObject } from '../thread/json.ts'
import { contentParts } from '../thread/message.ts'
import type { Content, MediaPart, ToolCallPart, ToolResultPart } from '../thread/message.ts'

type AssistantPart = Exclude<Extract<ModelMessage, { role: 'assistant' }>['content'], string>[number]
type UserPart = Exclude<Extract<ModelMessage, { role: 'user' }>['content'], string>[number]
type ResultPart = Extract<Extract<ModelMessage, { role: 'tool' }>['content'][number], { type: 'tool-result' }>
type ResultOutput = ResultPart['output']
type Row = Readonly<Pick<MessageRow, 'role' | 'content'>>

/**
 * The stored conversation as a model takes it. Always valid: every tool call is followed at once by one message
 * with the results of all calls beside it (a call without one gets an error result), results without a call and
 * messages without content are left out. System messages may stand anywhere (`allowSystemInMessages`). Nothing in it is
 * the rows' own, which the next step reads again: a provider or a middleware may do with it what it likes.
 */
export function toModelMessages(rows: readonly Row[]): ModelMessage[] {
  const results = collectResults(rows)
  const messages: ModelMessage[] = []
  for (const row of rows) {
    if (row.role === 'user') {
      const content = userContent(row.content)
      if (content.length > 0) messages.push({ role: 'user', content })
    } else if (row.role === 'system') {
      const text = plainText(row.content)
      if (text !== '') messages.push({ role: 'system', content: text })
    } else if (row.role === 'assistant') {
      messages.push(...assistantMessages(row.content, results))
    }
  }
  return messages
}

/** Every tool call id that the conversation has used. */
export function usedCallIds(rows: readonly Row[]): Set<string> {
  const ids = new Set<string>()
  for (const { content } of rows) {
    for (const part of contentParts(content))
      if (part.type === 'tool_call' || part.type === 'tool_result') ids.add(part.tool_call_id)
  }
  return ids
}

function collectResults(rows: readonly Row[]): Map<string, ToolResultPart> {
  const results = new Map<string, ToolResultPart>()
  for (const row of rows) {
    if (row.role !== 'tool') continue
    for (const part of contentParts(row.content)) if (part.type === 'tool_result') results.set(part.tool_call_id, part)
  }
  return results
}

function assistantMessages(content: Content, results: Map<string, ToolResultPart>): ModelMessage[] {
  const parts: AssistantPart[] = []
  const answers: ResultPart[] = []
  for (const part of contentParts(content)) {
    if (part.type === 'text' && part.text !== '') parts.push({ type: 'text', text: part.text })
    else if (part.type === 'reasoning') parts.push({ type: 'reasoning', text: part.text, ...options(part.provider_options) })
    else if (part.type === 'tool_call') {
      parts.push(toolCall(part))
      answers.push({
        type: 'tool-result',
        toolCallId: part.tool_call_id,
        toolName: part.tool_name,
        output: output(results.get(part.tool_call_id)),
      })
    }
  }
  // Reasoning alone is no answer, and providers refuse a message that has nothing else.
  if (!parts.some((part) => part.type !== 'reasoning')) return []
  const messages: ModelMessage[] = [{ role: 'assistant', content: parts }]
  if (answers.length > 0) messages.push({ role: 'tool', content: answers })
  return messages
}

/** Some providers take only objects as arguments, so what a model wrote otherwise is wrapped. */
function toolCall(part: ToolCallPart): AssistantPart {
  const input = copied(isObject(part.arguments) ? part.arguments : { value: part.arguments })
  return { type: 'tool-call', toolCallId: part.tool_call_id, toolName: part.tool_name, input, ...options(part.provider_options) }
}

function output(result: ToolResultPart | undefined): ResultOutput {
  if (result === undefined) return { type: 'error-text', value: 'no result was recorded for this call' }
  const { status, message } = result
  const data = copied(result.data)
  if (status === 'success') return typeof data === 'string' ? { type: 'text', value: data } : { type: 'json', value: data }
  // An error whose data only repeats its message, or says no more than the message does, is told in plain words.
  if (
    message !== undefined &&
    (!isObject(data) || Object.keys(data).every((key) => ['error', 'cancelled', 'reason'].includes(key)))
  ) {
    return { type: 'error-text', value: message }
  }
  return { type: 'error-json', value: message === undefined ? data : { message, data } }
}

function userContent(content: Content): UserPart[] {
  const parts: UserPart[] = []
  for (const part of contentParts(content)) {
    if (part.type === 'text' && part.text !== '') parts.push({ type: 'text', text: part.text })
    else if (part.type === 'image' || part.type === 'file') parts.push(media(part))
  }
  return parts
}

function media(part: MediaPart): UserPart {
  const mediaType = part.media_type ?? (part.type === 'image' ? 'image' : 'application/octet-stream')
  if (part.data !== undefined) return { type: 'file', mediaType, data: { type: 'data', data: part.data } }
  if (part.url !== undefined && URL.canParse(part.url))
    return { type: 'file', mediaType, data: { type: 'url', url: new URL(part.url) } }
  return { type: 'text', text: `[${part.type} that cannot be read]` }
}

function plainText(content: Content): string {
  return contentParts(content)
    .flatMap((part) => (part.type === 'text' ? [part.text] : []))
    .join('\n')
}

type ProviderOptions = NonNullable<Extract<AssistantPart, { type: 'tool-call' }>['providerOptions']>
function options(value: object | undefined): { providerOptions?: ProviderOptions } {
  return value === undefined ? {} : { providerOptions: copied(value as JsonObject) as ProviderOptions }
}

/** By hand, since `structuredClone` takes two to three times as long on values as small as most of these. */
function copied<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copied) as T
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copied(inner)])) as T
}
