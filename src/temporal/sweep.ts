import type { Client } from '@temporalio/client'
import type { OpenThread, Store } from '../store/store.ts'
import { forgetDeleted } from './forget.ts'
import { TASK_QUEUE } from './names.ts'
import { wakeIfGone } from './thread-workflows.ts'

export type SweepOptions = {
  store: Store
  client: Client
  /** Between two looks (ms). */
  interval_ms: number
  log: { warn(facts: object, message: string): void; info(facts: object, message: string): void }
  task_queue?: string
}

const PAGE = 200
/** A thread that has changed so lately has a workflow that is at work on it (ms). */
const SETTLED_MS = 2_000

/**
 * Wakes threads that have something to do and no workflow: it was terminated, or the engine's data are gone. A
 * message that is held back is something to do too: its hold ends. And has the engine forget threads that were
 * deleted. Looks once at the start and then again and again.
 * Returns the way to stop.
 */
export function startSweep({ store, client, interval_ms, log, task_queue = TASK_QUEUE }: SweepOptions): () => Promise<void> {
  let stopped = false
  const look = async (): Promise<void> => {
    try {
      const woken = await sweep(store, client, task_queue, () => stopped)
      await forgetDeleted(store, client, () => stopped)
      if (woken > 0) log.info({ threads: woken }, 'Woke threads whose workflow was gone.')
    } catch (error) {
      log.warn(
        { error: error instanceof Error ? error.message : String(error) },
        'Could not look for threads without a workflow; will look again.',
      )
    }
  }
  let current = look()
  const timer = setInterval(() => {
    current = current.then(() => (stopped ? undefined : look()))
  }, interval_ms)
  return async () => {
    stopped = true
    clearInterval(timer)
    await current
  }
}

async function sweep(store: Store, client: Client, task_queue: string, stopped: () => boolean): Promise<number> {
  let woken = 0
  for await (const { tenant, id } of openThreads(store)) {
    if (stopped()) break
    if (await wakeIfGone(client, { tenant, thread_id: id }, task_queue)) woken += 1
  }
  return woken
}

async function* openThreads(store: Store): AsyncGenerator<OpenThread> {
  const updated_before = Date.now() - SETTLED_MS
  let after: OpenThread | undefined
  for (;;) {
    const page = await store.threads.listOpen({ updated_before, limit: PAGE, ...(after === undefined ? {} : { after }) })
    yield* page
    after = page.at(-1)
    if (page.length < PAGE) return
  }
}
