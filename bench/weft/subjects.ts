import { randomUUID } from 'node:crypto'
import type { Subject, Turn } from '../support/subject.ts'
import { createAgent, postRun } from './post-run.ts'

export type WeftSubjects = {
  fresh: Subject
  warm: Subject
  /** Turns in a thread that is there already, as long as anybody wants. */
  on(thread_id: string): Subject
  /** Every run that was told of, by its thread. */
  runs: ReadonlyMap<string, readonly string[]>
  /** How often a request was answered 503 and sent again. */
  askedAgain(): number
  close(): void
}

/** Weft as a client of its HTTP API uses it. */
export function createWeftSubjects(api: string, warm_turns: number): WeftSubjects {
  const agent = createAgent()
  const runs = new Map<string, string[]>()
  let again = 0

  async function run(thread_id: string): Promise<Turn> {
    const { run_id, first_ms, end_ms, asked_again } = await postRun(api, agent, thread_id, 'Hello there')
    again += asked_again
    const known = runs.get(thread_id)
    if (known === undefined) runs.set(thread_id, [run_id])
    else known.push(run_id)
    return { first_ms, end_ms }
  }

  return {
    fresh: { turns: 1, opening: 0, open: () => Promise.resolve(() => run(randomUUID())) },
    warm: {
      turns: warm_turns,
      opening: 1,
      async open() {
        const thread_id = randomUUID()
        await run(thread_id)
        return () => run(thread_id)
      },
    },
    on: (thread_id) => ({ turns: Infinity, opening: 0, open: () => Promise.resolve(() => run(thread_id)) }),
    runs,
    askedAgain: () => again,
    close: () => agent.destroy(),
  }
}
