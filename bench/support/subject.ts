/** One run as its client saw it, in ms since it was submitted. */
export type Turn = {
  /** The first word of it: an update's answer, an event stream's first frame. */
  first_ms: number
  /** Its result. */
  end_ms: number
}

/** Something that runs what it is given. Whatever is not a proper result throws, so that it is not counted. */
export interface Subject {
  /** So many turns are taken in one conversation. A long one costs more each turn, and would make time part of what is measured. */
  readonly turns: number
  /** Runs that opening a conversation takes. They are not timed, but their CPU time is counted with them. */
  readonly opening: number
  /** Opens a conversation, which is not measured; each call of the result is one turn. */
  open(): Promise<() => Promise<Turn>>
}
