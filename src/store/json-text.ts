/**
 * A value as JSON text that Postgres takes: NUL characters and lone surrogates, in values and in keys, become U+FFFD.
 * JSON.stringify writes both as escapes, and only these as `\u0000` and `\ud…`, so plain text needs two look-ups.
 */
export function toJsonText(value: unknown): string {
  return scrubbed(JSON.stringify(value))
}

/** The same for what is JSON text already. */
export function scrubbed(json: string): string {
  return needsScrubbing(json) ? scrubJson(json) : json
}

export function needsScrubbing(json: string): boolean {
  return json.includes('\\u0000') || json.includes('\\ud')
}

/** An escaped backslash is consumed first, so that a literal `\\u0000` in a text stays as it is. */
export function scrubJson(json: string): string {
  return json.replace(/\\\\|\\u0000|\\ud[89a-f][0-9a-f]{2}/g, (found) => (found === '\\\\' ? found : '\\ufffd'))
}

/** Text parameters (ids, titles) that Postgres takes; both drivers' encoders see to lone surrogates, not to NUL. */
export function scrubParameters(values: readonly unknown[]): unknown[] {
  const unsafe = (value: unknown): value is string => typeof value === 'string' && value.includes('\0')
  if (!values.some(unsafe)) return values as unknown[]
  return values.map((value) => (unsafe(value) ? value.replaceAll('\0', '\ufffd') : value))
}
