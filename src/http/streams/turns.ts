/** Calls each function soon, a few at a time. */
export type Turns = (call: () => void) => void

/** Streams that get their turn before the process sees to other things. */
const AT_ONCE = 8

/**
 * Lets many streams of one process go on without holding up what brought them news: a thread's worker may live in the
 * same process, and its next step must not wait until a hundred viewers have been written to.
 */
export function createTurns(at_once: number = AT_ONCE): Turns {
  let waiting: (() => void)[] = []
  let planned = false

  function run(): void {
    const now = waiting.slice(0, at_once)
    waiting = waiting.slice(at_once)
    planned = waiting.length > 0
    // Before the calls, so that one that throws does not keep the others waiting for ever.
    if (planned) setImmediate(run)
    for (const call of now) call()
  }

  return (call) => {
    waiting.push(call)
    if (planned) return
    planned = true
    setImmediate(run)
  }
}
