import { isObject, jsonSize, utf8Length, type JsonObject } from './json.ts'
import { MAX_CONTENT_BYTES, MAX_MESSAGES_PER_SUBMIT, MAX_METADATA_BYTES } from './limits.ts'
import type { MessageEdit } from './command.ts'
import { SUBMITTABLE_ROLES, type InputPart, type MessageInput } from './message.ts'
import { reject, type Rejection } from './reply.ts'

type Checked<T> = { ok: true; value: T } | { ok: false; rejection: Rejection; fallback: T }
type Result = Checked<MessageInput[]>
const ID = /^[A-Za-z0-9_.:-]{1,128}$/

/** A submit's messages from an untrusted value; the first thing that is wrong is named with its place. */
export function parseMessages(raw: unknown): Result {
  if (!Array.isArray(raw) || raw.length === 0) return wrong('messages must be a list of at least one message')
  if (raw.length > MAX_MESSAGES_PER_SUBMIT) return wrong(`messages must be at most ${String(MAX_MESSAGES_PER_SUBMIT)}`)
  const messages: MessageInput[] = []
  let bytes = 0
  for (const [index, item] of raw.entries()) {
    const message = parseMessage(item, `messages[${String(index)}]`)
    if (typeof message === 'string') return wrong(message)
    bytes += contentSize(message.content)
    messages.push(message)
  }
  if (bytes <= MAX_CONTENT_BYTES) return { ok: true, value: messages }
  const text = `the messages have ${String(bytes)} bytes of content; at most ${String(MAX_CONTENT_BYTES)} fit in one submit`
  return { ok: false, rejection: reject('payload_too_large', text), fallback: [] }
}

/** The new wording of a pending message: `content`, and what else is to change. An `id` may only repeat the entry's own. */
export function parseEdit(raw: unknown, pending_id: string): Checked<MessageEdit> {
  const refuse = (message: string): Checked<MessageEdit> => ({
    ok: false,
    rejection: reject('invalid_command', message),
    fallback: { content: '' },
  })
  if (!isObject(raw)) return refuse('message must be an object with the new content')
  const { id, role } = raw
  if (id != null && id !== pending_id) return refuse('message.id cannot be changed; leave it out')
  const parsed = parseMessages([{ ...raw, role: role ?? 'user' }])
  const message = parsed.ok ? parsed.value[0] : undefined
  if (message === undefined) return { ...(parsed as Extract<Result, { ok: false }>), fallback: { content: '' } }
  const { id: _id, role: given, ...rest } = message
  return { ok: true, value: role == null ? rest : { ...rest, role: given } }
}

/** Bytes of content that count against MAX_CONTENT_BYTES: the text itself, or the parts' texts, urls and data. */
export function contentSize(content: MessageInput['content']): number {
  if (typeof content === 'string') return utf8Length(content)
  return content.reduce((sum, part) => {
    const texts = part.type === 'text' ? [part.text] : [part.url, part.data, part.media_type]
    return sum + texts.reduce((bytes, text) => bytes + utf8Length(text ?? ''), 0)
  }, 0)
}

function parseMessage(raw: unknown, at: string): MessageInput | string {
  if (!isObject(raw)) return `${at} must be an object with role and content`
  const { id, role, content, visibility, metadata } = raw
  const known = SUBMITTABLE_ROLES.find((option) => option === role)
  if (known === undefined)
    return `${at}.role must be one of: ${SUBMITTABLE_ROLES.join(', ')} (a tool's result is given as a decision)`
  if (id !== undefined && id !== null && !(typeof id === 'string' && ID.test(id)))
    return `${at}.id must be 1 to 128 of letters, digits and _ - . :`
  if (visibility != null && visibility !== 'external' && visibility !== 'internal')
    return `${at}.visibility must be external or internal`
  if (metadata != null && !(isObject(metadata) && jsonSize(metadata) <= MAX_METADATA_BYTES))
    return `${at}.metadata must be a small JSON object`
  const parts = typeof content === 'string' ? content : parseParts(content, `${at}.content`)
  if (!Array.isArray(parts) && typeof content !== 'string') return parts
  const message: MessageInput = { role: known, content: parts }
  if (typeof id === 'string') message.id = id
  if (visibility === 'external' || visibility === 'internal') message.visibility = visibility
  if (isObject(metadata)) message.metadata = metadata as JsonObject
  return message
}

function parseParts(raw: unknown, at: string): InputPart[] | string {
  if (!Array.isArray(raw) || raw.length === 0) return `${at} must be text or a list of parts`
  const parts: InputPart[] = []
  for (const [index, item] of raw.entries()) {
    const part = parsePart(item, `${at}[${String(index)}]`)
    if (typeof part === 'string') return part
    parts.push(part)
  }
  return parts
}

function parsePart(raw: unknown, at: string): InputPart | string {
  if (!isObject(raw)) return `${at} must be an object with a type`
  if (raw['type'] === 'text')
    return typeof raw['text'] === 'string' ? { type: 'text', text: raw['text'] } : `${at}.text must be text`
  if (raw['type'] !== 'image' && raw['type'] !== 'file') return `${at}.type must be text, image or file`
  const { url, data, media_type } = raw
  if ((typeof url === 'string') === (typeof data === 'string')) return `${at} needs either a url or data`
  if (media_type != null && typeof media_type !== 'string') return `${at}.media_type must be text`
  const part: InputPart = { type: raw['type'] }
  if (typeof url === 'string') part.url = url
  if (typeof data === 'string') part.data = data
  if (typeof media_type === 'string') part.media_type = media_type
  return part
}

function wrong(message: string): Result {
  return { ok: false, rejection: reject('invalid_command', message), fallback: [] }
}
