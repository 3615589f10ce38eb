import { AsyncLocalStorage } from 'node:async_hooks'

/** What a line of the log, or a span, is about. Names of things only, never what people wrote. */
export type Facts = { request_id?: string; tenant?: string; thread_id?: string; run_id?: string }

const current = new AsyncLocalStorage<Facts>()

/** Does some work whose lines of the log all carry these facts, and those that the work finds out itself. */
export function withFacts<T>(facts: Facts, work: () => T): T {
  return current.run({ ...facts }, work)
}

/** Adds what has been found out to the work that is going on; outside of any, nothing happens. */
export function noteFacts(facts: Facts): void {
  const known = current.getStore()
  if (known !== undefined) Object.assign(known, facts)
}

/** What is known of the work that is going on. */
export function currentFacts(): Readonly<Facts> {
  return current.getStore() ?? NONE
}

const NONE: Readonly<Facts> = Object.freeze({})
