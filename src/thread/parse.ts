import type { Command, CommandBase, CommandType } from './command.ts'
import { isObject, utf8Length } from './json.ts'
import { MAX_CONTENT_BYTES, MAX_DEPTH, MAX_ENVELOPE_BYTES } from './limits.ts'
import { parsers } from './parse-commands.ts'
import { dropUndefined, Fields } from './parse-fields.ts'
import { reject, type Rejection } from './reply.ts'

/**
 * Checks of what comes from outside, by hand: the schemas of the HTTP edge would make every workflow start slower.
 * Nothing here throws; what is wrong is named with its place.
 */
export type Parsed<T> = { ok: true; value: T } | { ok: false; rejection: Rejection }

/** Commands that make sense without a word: a signal from the command line may then have no input at all. */
const BARE: ReadonlySet<CommandType> = new Set(['cancel', 'interrupt', 'resume_queue', 'wake'])

/** One command of a known type from an untrusted value. Unknown fields are refused, so that a typo is not a no-op. */
export function parseCommand(type: CommandType, raw: unknown): Parsed<Command> {
  if (isUndecodable(raw)) return fail('undecodable_payload', 'the payload cannot be decoded; send JSON (encoding json/plain)')
  if (raw === undefined && BARE.has(type)) return parseCommand(type, {})
  if (ArrayBuffer.isView(raw) && raw.byteLength > MAX_CONTENT_BYTES + MAX_ENVELOPE_BYTES) {
    return fail(
      'payload_too_large',
      `the command has ${String(raw.byteLength)} bytes; at most ${String(MAX_CONTENT_BYTES)} bytes of content fit in one`,
    )
  }
  if (!isObject(raw) || ArrayBuffer.isView(raw)) return fail('invalid_command', `${type} takes one JSON object`)
  if (isDeeper(raw, MAX_DEPTH)) return fail('invalid_command', `the command is nested deeper than ${String(MAX_DEPTH)} levels`)
  const size = commandSize(raw)
  if (size > MAX_CONTENT_BYTES + MAX_ENVELOPE_BYTES) {
    return fail(
      'payload_too_large',
      `the command has ${String(size)} bytes; at most ${String(MAX_CONTENT_BYTES)} bytes of content fit in one`,
    )
  }
  const fields = new Fields(type, raw)
  const base = parseBase(fields)
  const value = parsers[type](fields, base)
  const problem = fields.problem ?? fields.unknownField()
  return problem === null ? { ok: true, value } : { ok: false, rejection: problem }
}

/** A value that the payload converter could not decode carries this mark (see workflows/payload-converter.ts). */
export const UNDECODABLE = '@weft/undecodable'
export function isUndecodable(raw: unknown): boolean {
  return isObject(raw) && UNDECODABLE in raw
}

/** True if a value has more levels than this. Whoever walks, hashes or writes a deeper one overflows the stack, for ever. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1))
}

/** Bytes of all text in a value: the size a person would expect, whatever JSON's escapes make of it. */
export function commandSize(value: unknown): number {
  if (typeof value === 'string') return utf8Length(value)
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + 1 + commandSize(item), 0)
  if (isObject(value)) return Object.entries(value).reduce((sum, [key, item]) => sum + key.length + 2 + commandSize(item), 0)
  return 8
}

function parseBase(fields: Fields): CommandBase {
  const { command_id, origin } = fields.ids('command_id', 'origin')
  const by = fields.object('by', 1024)
  const sent_at = fields.take('sent_at')
  if (sent_at !== undefined && !isTime(sent_at)) fields.refuse('sent_at must be a time in milliseconds')
  return dropUndefined({ command_id, origin, by: by as CommandBase['by'], sent_at: isTime(sent_at) ? sent_at : undefined })
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 47
}

function fail(code: Rejection['code'], message: string): { ok: false; rejection: Rejection } {
  return { ok: false, rejection: reject(code, message) }
}
