import { setTimeout as sleep } from 'node:timers/promises'
import { createPlace, type Facts } from '../../test/support/program.ts'

export type RunningProgram = {
  facts: Facts
  /** Stops the program in order, and removes everything that it has left behind. */
  stop(): Promise<void>
}

/** The program takes at most ten seconds to stop. */
const STOP_MS = 12_000

/** What `start` has begun; `stop` may be called before the program is healthy. */
export type StartingProgram = { healthy: Promise<Facts>; stop(): Promise<void> }

/** Starts the real program on a temporary data directory and free ports. `node_options` go to its process. */
export function startProgram(node_options: string[]): StartingProgram {
  const place = createPlace()
  const { child, facts, ended } = place.start({}, { through: ['--disable-warning=ExperimentalWarning', ...node_options] })
  return {
    healthy: facts,
    async stop() {
      child.kill('SIGTERM')
      await Promise.race([ended, sleep(STOP_MS, undefined, { ref: false })])
      place.clean()
    },
  }
}
