import type { LoadResult, ThreadRef } from '../src/thread/ports.ts'
import type { ActivityDeps } from './deps.ts'

/** Takes the thread's next epoch and returns what the store knows of it. Throws StoreUnavailable. */
export async function loadThread({ store, settings }: ActivityDeps, ref: ThreadRef): Promise<LoadResult> {
  const loaded = await store.engine.load({ tenant: ref.tenant, thread_id: ref.thread_id })
  return loaded.status === 'deleted' ? loaded : { ...loaded, settings }
}
