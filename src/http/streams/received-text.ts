/** How much of one text a stream has passed on: its length and its end, never the whole. */
export type ReceivedText = {
  /** What of a piece at this offset is new; empty for a repeat; null when something before it is missing. */
  accept(offset: number, piece: string): string | null
  /** What of the complete text is still missing; null when what was passed on is not its beginning. */
  complete(text: string): string | null
  readonly length: number
}

/** UTF-16 units of the end that is kept, to notice that a text is another than the one seen. */
const TAIL_UNITS = 64

export function createReceivedText(): ReceivedText {
  let length = 0
  let tail = ''
  const add = (text: string): string => {
    length += text.length
    tail = (tail + text).slice(-TAIL_UNITS)
    return text
  }
  return {
    accept(offset, piece) {
      if (offset > length) return null
      return add(piece.slice(length - offset))
    },
    complete(text) {
      // A cut answer may have been passed on further than it was kept.
      if (text.length < length) return ''
      if (!text.slice(0, length).endsWith(tail)) return null
      return add(text.slice(length))
    },
    get length() {
      return length
    },
  }
}
