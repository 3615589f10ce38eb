import { createHash } from 'node:crypto'

/** Each connection keeps what it has prepared for as long as it lives: some tens of kilobytes a statement. */
const MOST = 200

/**
 * Names for the texts that come again, so that a connection parses them once and the server plans them once or a few
 * times. A text that comes for the first time has none: most of such (migrations, repairs) never come again.
 */
export function statementNames(): (text: string) => string | undefined {
  const seen = new Set<string>()
  const names = new Map<string, string>()
  return (text) => {
    const known = names.get(text)
    if (known !== undefined) return known
    if (names.size >= MOST) return undefined
    if (!seen.has(text)) {
      if (seen.size >= MOST) seen.clear()
      seen.add(text)
      return undefined
    }
    seen.delete(text)
    const name = `weft_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
    names.set(text, name)
    return name
  }
}
