import { isObject, utf8Length } from '../thread/json.ts'
import type { LogEvent } from '../thread/envelope.ts'
import type { LiveFrame } from './bus.ts'

/** Postgres refuses a NOTIFY payload of 8,000 bytes or more; stay clear of it. */
export const MAX_PAYLOAD_BYTES = 7_900
/** What `{"o":"…","n":…,"f":[…]}` needs around its frames. */
const ENVELOPE_BYTES = 120
const MAX_ENTRY_BYTES = MAX_PAYLOAD_BYTES - ENVELOPE_BYTES
/** UTF-16 units of one piece of a delta that is too long: at worst six bytes each (`\u0000`). */
const PIECE_UNITS = 1_200

export type Addressed = { tenant: string; frame: LiveFrame }

/**
 * Texts for NOTIFY, each under MAX_PAYLOAD_BYTES, that carry all frames in order. Long deltas are cut into several
 * with their offsets; events that do not fit travel as their number only; anything else too large is left out (the
 * log has what matters).
 */
export function packFrames(origin: string, counter: () => number, frames: readonly Addressed[]): string[] {
  const payloads: string[] = []
  let entries: string[] = []
  let bytes = 0
  const flush = (): void => {
    if (entries.length === 0) return
    // The counter keeps texts apart: within one transaction Postgres delivers equal notifications once.
    payloads.push(`{"o":${JSON.stringify(origin)},"n":${String(counter())},"f":[${entries.join(',')}]}`)
    entries = []
    bytes = 0
  }
  for (const { tenant, frame } of frames) {
    for (const part of splitFrame(frame)) {
      const entry = JSON.stringify([tenant, part])
      const size = utf8Length(entry) + 1
      if (size > MAX_ENTRY_BYTES) continue
      if (bytes + size > MAX_ENTRY_BYTES) flush()
      entries.push(entry)
      bytes += size
    }
  }
  flush()
  return payloads
}

/** The sender and the frames of one payload, or null for a text that is none of ours. */
export function unpackFrames(payload: string): { origin: string; frames: Addressed[] } | null {
  try {
    const value: unknown = JSON.parse(payload)
    if (!isObject(value) || typeof value['o'] !== 'string' || !Array.isArray(value['f'])) return null
    const frames = (value['f'] as unknown[]).flatMap((entry) => {
      if (!Array.isArray(entry)) return []
      const [tenant, frame] = entry as unknown[]
      if (typeof tenant !== 'string' || !isObject(frame) || typeof frame['thread_id'] !== 'string') return []
      return [{ tenant, frame: frame as LiveFrame }]
    })
    return { origin: value['o'], frames }
  } catch {
    return null
  }
}

function splitFrame(frame: LiveFrame): LiveFrame[] {
  switch (frame.type) {
    case 'events':
      return frame.events === undefined ? [frame] : splitEvents(frame.thread_id, frame.last_seq, frame.events)
    case 'delta':
      return pieces(frame.delta).map(({ offset, text }) => ({ ...frame, offset: frame.offset + offset, delta: text }))
    case 'tool_call_delta':
      return pieces(frame.args_delta).map(({ offset, text }) => ({ ...frame, offset: frame.offset + offset, args_delta: text }))
    default:
      return [frame]
  }
}

/** Runs of events that fit together stay inline; one that is too large is announced by its number. */
function splitEvents(thread_id: string, last_seq: number, events: readonly LogEvent[]): LiveFrame[] {
  const frames: LiveFrame[] = []
  let group: LogEvent[] = []
  let bytes = 0
  const flush = (): void => {
    const last = group.at(-1)
    if (last !== undefined) frames.push({ type: 'events', thread_id, last_seq: last.event_seq, events: group })
    group = []
    bytes = 0
  }
  for (const event of events) {
    const size = utf8Length(JSON.stringify(event)) + 1
    if (size > MAX_ENTRY_BYTES - 512) {
      flush()
      frames.push({ type: 'events', thread_id, last_seq: event.event_seq })
      continue
    }
    if (bytes + size > MAX_ENTRY_BYTES - 512) flush()
    group.push(event)
    bytes += size
  }
  flush()
  if (frames.length === 0 || frames.every((frame) => frame.type === 'events' && frame.last_seq < last_seq)) {
    frames.push({ type: 'events', thread_id, last_seq })
  }
  return frames
}

/** Never cuts a surrogate pair: each piece is a valid text. */
function pieces(text: string): { offset: number; text: string }[] {
  if (text.length <= PIECE_UNITS) return [{ offset: 0, text }]
  const parts: { offset: number; text: string }[] = []
  for (let offset = 0; offset < text.length;) {
    let end = Math.min(text.length, offset + PIECE_UNITS)
    const unit = text.charCodeAt(end - 1)
    if (end < text.length && unit >= 0xd800 && unit <= 0xdbff) end -= 1
    parts.push({ offset, text: text.slice(offset, end) })
    offset = end
  }
  return parts
}
