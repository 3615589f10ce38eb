import { isObject, jsonSize, type JsonObject } from './json.ts'
import { reject, type Rejection } from './reply.ts'

const ID = /^[A-Za-z0-9_.:/-]{1,256}$/

/** Reads an object's fields one by one, remembers the first thing that is wrong and what was not asked for. */
export class Fields {
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

  /** A whole number within bounds, ends included. */
  whole(name: string, min: number, max: number): number | undefined {
    const value = this.take(name)
    if (value === undefined) return undefined
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    this.refuse(`${this.#type}.${name} must be a whole number from ${String(min)} to ${String(max)}`)
    return undefined
  }

  flag(name: string): boolean | undefined {
    const value = this.take(name)
    if (value === undefined || typeof value === 'boolean') return value
    this.refuse(`${this.#type}.${name} must be true or false`)
    return undefined
  }

  /** An id that must be there. */
  id(name: string): string {
    const value = this.#id(name)
    if (value === undefined) this.refuse(`${this.#type} needs a ${name}`)
    return value ?? ''
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

/** Without the fields that were not given, so that equal requests are equal commands. */
export function dropUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}
