import type { Client } from '@temporalio/client'
import type { OpenThread, Store } from '../store/store.ts'
import { forgetDeleted } from './forget.ts'
import { TASK_QUEUE, type WorkerVersion } from './names.ts'
import { wakeIfGone } from './thread-workflows.ts'
import { moveStranded } from './versions.ts'

export type SweepOptions = {
  store: Store
  client: Client
  /** Between two looks (ms). */
  interval_ms: number
  /** Of this worker; null where versions are not told apart. */
  version?: WorkerVersion | null
  log: { warn(facts: object, message: string): void; info(facts: object, message: string): void }
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
export function startSweep({ store, client, interval_ms, log, version = null }: SweepOptions): () => Promise<void> {
  let stopped = false
  const look = async (): Promise<void> => {
    try {
      const woken = await sweep(store, client, () => stopped)
      await forgetDeleted(store, client, () => stopped)
      const moved = version === null ? 0 : await moveStranded(client, version, { stopped: () => stopped })
      if (moved > 0) log.info({ workflows: moved }, 'Moved workflows whose version has no worker any more.')
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

async function sweep(store: Store, client: Client, stopped: () => boolean): Promise<number> {
  let woken = 0
  for await (const { tenant, id } of openThreads(store)) {
    if (stopped()) break
    if (await wakeIfGone(client, { tenant, thread_id: id }, TASK_QUEUE)) woken += 1
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
