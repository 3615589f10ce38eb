import type { Weft } from '../support/weft.ts'
import type { Command, Submit } from './story.ts'

/** One way from a person to a thread. `origin`: what the log says of a decision that came by it. */
export type Way = {
  name: string
  origin: string
  /** Makes the thread and gives it its first message. */
  begin(weft: Weft, thread: string, first: Submit): Promise<void>
  send(weft: Weft, thread: string, command: Command): Promise<void>
}

/** The body of a submit, which is the same by every way. */
export const bodyOf = ({ id, text, mode, delivery }: Submit): object => ({
  messages: [{ id, role: 'user', content: text }],
  ...(mode === undefined ? {} : { mode }),
  ...(delivery === undefined ? {} : { delivery }),
})
