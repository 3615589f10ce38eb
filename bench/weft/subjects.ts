import { randomUUID } from 'node:crypto'
import type { Subject, Turn } from '../subject.ts'
import { createAgent, postRun } from './post-run.ts'

export type WeftSubjects = {
  fresh: Subject
  warm: Subject
  /** Every run that a turn told of. */
  run_ids: ReadonlySet<string>
  close(): void
}

/** Weft as a client of its HTTP API uses it. */
export function createWeftSubjects(api: string, warm_turns: number): WeftSubjects {
  const agent = createAgent()
  const run_ids = new Set<string>()

  async function run(thread_id: string): Promise<Turn> {
    const { run_id, first_ms, end_ms } = await postRun(api, agent, thread_id, 'Hello there')
    run_ids.add(run_id)
    return { first_ms, end_ms }
  }

  return {
    fresh: { turns: 1, open: () => Promise.resolve(() => run(randomUUID())) },
    warm: {
      turns: warm_turns,
      async open() {
        const thread_id = randomUUID()
        await run(thread_id)
        return () => run(thread_id)
      },
    },
    run_ids,
    close: () => agent.destroy(),
  }
}
