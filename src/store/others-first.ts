import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * Between the pages of long work. PGlite answers in microtasks alone, so that without this nothing else of the process,
 * no timer and no request, would get its turn before the last page.
 */
export function othersFirst(): Promise<void> {
  return nextTurn()
}
