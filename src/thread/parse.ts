import type {
  CancelCommand,
  Command,
  CommandBase,
  CommandType,
  DecisionCommand,
  InterruptCommand,
  SubmitCommand,
} from './command.ts'
import { isObject, jsonSize, utf8Length, type Json, type JsonObject } from './json.ts'
import { MAX_CONTENT_BYTES, MAX_DEPTH, MAX_ENVELOPE_BYTES, MAX_METADATA_BYTES } from './limits.ts'
import { parseMessages } from './parse-message.ts'
import { reject, type Rejection } from './reply.ts'

/**
 * Checks of what comes from outside, by hand: the schemas of the HTTP edge would make every workflow start slower.
 * Nothing here throws; what is wrong is named with its place.
 */
export type Parsed<T> = { ok: true; value: T } | { ok: false; rejection: Rejection }

const ID = /^[A-Za-z0-9_.:/-]{1,256}$/

/** One command of a known type from an untrusted value. Unknown fields are refused, so that a typo is not a no-op. */
export function parseCommand(type: CommandType, raw: unknown): Parsed<Command> {
  if (isUndecodable(raw)) return fail('undecodable_payload', 'the payload cannot be decoded; send JSON (encoding json/plain)')
  if (raw === undefined && (type === 'cancel' || type === 'interrupt' || type === 'wake')) return parseCommand(type, {})
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

const parsers: { [T in CommandType]: (fields: Fields, base: CommandBase) => Extract<Command, { type: T }> } = {
  submit(fields, base): SubmitCommand {
    const metadata = fields.object('metadata', MAX_METADATA_BYTES)
    const overrides = fields.object('overrides', MAX_METADATA_BYTES)
    const command: SubmitCommand = {
      ...base,
      type: 'submit',
      mode: fields.oneOf('mode', ['foreground', 'queue'], 'queue'),
      messages: fields.accept(parseMessages(fields.take('messages'))),
    }
    const queue = fields.oneOf('queue', ['keep', 'supersede', 'park'], 'keep')
    if (queue !== 'keep') command.queue = queue
    const { agent_id, parent_run_id, retry_of, transport_request_id } = fields.ids(
      'agent_id',
      'parent_run_id',
      'retry_of',
      'transport_request_id',
    )
    Object.assign(command, dropUndefined({ agent_id, parent_run_id, retry_of, transport_request_id, metadata, overrides }))
    return command
  },
  interrupt(fields, base): InterruptCommand {
    const mode = fields.oneOf('mode', ['graceful'], 'graceful')
    return { ...base, type: 'interrupt', mode, queue: fields.oneOf('queue', ['keep', 'supersede', 'park'], 'supersede') }
  },
  cancel(fields, base): CancelCommand {
    return { ...base, type: 'cancel', ...dropUndefined(fields.ids('run_id')) }
  },
  decision(fields, base): DecisionCommand {
    const ids = dropUndefined(fields.ids('tool_call_id', 'ticket_id', 'decision_id'))
    const command: DecisionCommand = { ...base, type: 'decision', action: fields.oneOf('action', ['resume', 'cancel']), ...ids }
    if (command.tool_call_id === undefined && command.ticket_id === undefined)
      fields.refuse('decision needs a tool_call_id or a ticket_id')
    const payload = fields.take('payload')
    if (payload !== undefined) command.payload = payload as Json
    const reason = fields.text('reason', 4096)
    if (reason !== undefined) command.reason = reason
    return command
  },
  wake(_fields, base) {
    return { ...base, type: 'wake' }
  },
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

function dropUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}

function fail(code: Rejection['code'], message: string): { ok: false; rejection: Rejection } {
  return { ok: false, rejection: reject(code, message) }
}

/** Reads an object's fields one by one, remembers the first thing that is wrong and what was not asked for. */
class Fields {
  problem: Rejection | null = null
  readonly #type: string
  readonly #raw: Record<string, unknown>
  readonly #read = new Set<string>()

  constructor(type: string, raw: Record<string, unknown>) {
    this.#type = type
    this.#raw = raw
  }

  take(name: string): unknown {
    this.#read.add(name)
    const value = Object.hasOwn(this.#raw, name) ? this.#raw[name] : undefined
    return value === null ? undefined : value
  }

  refuse(message: string, code: Rejection['code'] = 'invalid_command'): void {
    this.problem ??= reject(code, message)
  }

  accept<T>(parsed: { ok: true; value: T } | { ok: false; rejection: Rejection; fallback: T }): T {
    if (parsed.ok) return parsed.value
    this.problem ??= parsed.rejection
    return parsed.fallback
  }

  text(name: string, max: number): string | undefined {
    const value = this.take(name)
    if (value === undefined) return undefined
    if (typeof value === 'string' && value.length <= max) return value
    this.refuse(`${this.#type}.${name} must be text of at most ${String(max)} characters`)
    return undefined
  }

  ids<N extends string>(...names: N[]): { [K in N]: string | undefined } {
    return Object.fromEntries(names.map((name) => [name, this.#id(name)])) as { [K in N]: string | undefined }
  }

  #id(name: string): string | undefined {
    const value = this.take(name)
    if (value === undefined) return undefined
    if (typeof value === 'string' && ID.test(value)) return value
    this.refuse(`${this.#type}.${name} must be 1 to 256 of letters, digits and _ - . : /`)
    return undefined
  }

  oneOf<T extends string>(name: string, allowed: readonly [T, ...T[]], fallback?: T): T {
    const value = this.take(name)
    if (value === undefined && fallback !== undefined) return fallback
    const found = allowed.find((option) => option === value)
    if (found === undefined) this.refuse(`${this.#type}.${name} must be one of: ${allowed.join(', ')}`)
    return found ?? allowed[0]
  }

  object(name: string, max: number): JsonObject | undefined {
    const value = this.take(name)
    if (value === undefined) return undefined
    if (isObject(value) && jsonSize(value) <= max) return value as JsonObject
    this.refuse(`${this.#type}.${name} must be a JSON object of at most ${String(max)} bytes`)
    return undefined
  }

  unknownField(): Rejection | null {
    const unknown = Object.keys(this.#raw).find((key) => !this.#read.has(key) && key !== 'type')
    return unknown === undefined ? null : reject('invalid_command', `${this.#type} has no field "${unknown.slice(0, 64)}"`)
  }
}
