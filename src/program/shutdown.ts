import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'

/** Ends things in the reverse order of their beginning. */
export type Shutdown = {
  /** What was begun and how to end it; one that takes longer than `limitMs` is left behind. */
  add(name: string, end: () => Promise<unknown> | void, limitMs?: number): void
  /** Ends everything, once, however often it is called. Never rejects. */
  run(): Promise<void>
}

const DEFAULT_LIMIT_MS = 3_000

export function createShutdown(logger: Logger): Shutdown {
  const steps: { name: string; end: () => Promise<unknown> | void; limitMs: number }[] = []
  let running: Promise<void> | undefined
  const endAll = async () => {
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      const { name, end, limitMs } = step
      logger.debug(`Ending: ${name}.`)
      try {
        const late = Symbol('late')
        const outcome = await Promise.race([Promise.resolve(end()), sleep(limitMs, late, { ref: false })])
        if (outcome === late) logger.warn(`${name} did not end within ${limitMs / 1000} s.`)
      } catch (error) {
        logger.warn({ error: String(error) }, `${name} did not end well.`)
      }
    }
  }
  return {
    add(name, end, limitMs = DEFAULT_LIMIT_MS) {
      steps.push({ name, end, limitMs })
    },
    run: () => (running ??= endAll()),
  }
}
