import { hash128 } from '../thread/ids.ts'
import { HttpProblem } from './problems.ts'

/**
 * Cursors are opaque: base64url of a check, a scope and a position. The scope says of which list or stream a cursor
 * is (`run:<id>`, `threads`), so that one is not taken for another's; the check finds what was cut or changed.
 */

/** `position`: any text without meaning to the caller. */
export function encodeCursor(scope: string, position: string): string {
  const body = `${scope}\n${position}`
  return Buffer.from(`${hash128(body).slice(0, 8)}\n${body}`, 'utf8').toString('base64url')
}

/** The position in a cursor of this scope. Throws the problem `invalid_cursor`. */
export function decodeCursor(scope: string, cursor: string): string {
  const bytes = /^[A-Za-z0-9_-]+$/.test(cursor) ? Buffer.from(cursor, 'base64url') : null
  if (bytes?.toString('base64url') === cursor) {
    const text = bytes.toString('utf8')
    const body = text.slice(9)
    if (text === `${hash128(body).slice(0, 8)}\n${body}` && body.startsWith(`${scope}\n`)) return body.slice(scope.length + 1)
  }
  throw notOfThisList()
}

/**
 * Cursor of the event with this number in a stream or list of events. `at`: when it occurred (ms), by which another
 * event that has come under the same number, after the store was set back, is told from the one that was seen.
 */
export function eventCursor(scope: string, seq: number, at?: number): string {
  return encodeCursor(scope, at === undefined ? String(seq) : `${String(seq)}@${String(at)}`)
}

/** The number in an event cursor. Throws the problem `invalid_cursor`. */
export function decodeEventCursor(scope: string, cursor: string): number {
  const position = /^(\d{1,15})(@\d{1,15})?$/.exec(decodeCursor(scope, cursor))
  if (position === null) throw notOfThisList()
  return Number(position[1])
}

/** The check finds accidents; whoever has read this file can make a cursor with any position. */
function notOfThisList(): HttpProblem {
  return new HttpProblem('invalid_cursor', 'The cursor is not one of this list. Leave it out to start from the beginning.')
}

/** When the event of a cursor occurred (ms), if the cursor tells. It must be one that `decodeEventCursor` has taken. */
export function cursorTime(cursor: string | undefined): number | undefined {
  const at = /@(\d+)$/.exec(Buffer.from(cursor ?? '', 'base64url').toString('utf8'))?.[1]
  return at === undefined ? undefined : Number(at)
}
