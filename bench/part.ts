/** What a part of the benchmark is given. */
export type Context = {
  /** Less of everything, and so less certain. */
  short: boolean
  /** How long each case is measured, where the caller has said so. */
  seconds: number | undefined
  /** Where CPU profiles of Weft's process go. */
  profile: string | undefined
  /** Aborted when the caller wants no more of it. */
  signal: AbortSignal
  /** Word of what goes on, for a person who waits. */
  report(line: string): void
  /** Notes what must be ended whatever happens; the last is ended first. */
  atEnd(end: () => Promise<void> | void): void
}

/** What a part has found. `json` is the part's own object, `ratios` stand beside those of all other parts. */
export type Outcome = {
  table: string
  notes: string[]
  json: Record<string, unknown>
  ratios: Record<string, number>
  /** Everything that went wrong, a sentence each; the figures count only if there is none. */
  wrong: string[]
}

export type Part = { name: string; about: string; run(context: Context): Promise<Outcome> }
