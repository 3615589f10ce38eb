import type { PublicEvent } from '../../src/events/schemas.ts'

/** One rule over a whole log: what it finds wrong, in words. `at` names the event. */
export type Rule = (log: readonly PublicEvent[]) => string[]
export type Of<K extends PublicEvent['kind']> = Extract<PublicEvent, { kind: K }>

export const at = ({ event_seq, kind }: PublicEvent): string => `event ${String(event_seq)}, ${kind}`

/** Collects what is wrong: `check(event, holds, what)`. */
export function findings(): { found: string[]; check(event: PublicEvent, holds: boolean, what: string): void } {
  const found: string[] = []
  return {
    found,
    check(event, holds, what) {
      if (!holds) found.push(`${at(event)}: ${what}`)
    },
  }
}

export const sameList = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((one, index) => one === b[index])
