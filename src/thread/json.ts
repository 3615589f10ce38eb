/** A JSON value as it travels through Temporal, the store and HTTP. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type JsonObject = { [key: string]: Json }

/** True for a plain JSON object (not null, not an array). */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The fields of a value that may be anything; none of what is no object. */
export function fieldsOf(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {}
}

/** UTF-8 length of a string in bytes, without Buffer or TextEncoder (neither exists in workflow code). */
export function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    if (unit < 0x800) bytes += 1
    else if (unit >= 0xd800 && unit <= 0xdbff && i + 1 < text.length) {
      bytes += 2 // a surrogate pair: two units, four bytes
      i++
    } else bytes += 2
  }
  return bytes
}

/** Size of a value as UTF-8 JSON in bytes; 0 for what JSON cannot express. */
export function jsonSize(value: unknown): number {
  const text = JSON.stringify(value) as string | undefined
  return text === undefined ? 0 : utf8Length(text)
}

/** JSON with sorted keys: equal values give equal text whatever the order of their keys. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) : inner,
  )
}

/** `value` with the keys of `patch` in place; null removes a key. */
export function patched(value: JsonObject, patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries({ ...value, ...patch }).filter(([, inner]) => inner !== null))
}
