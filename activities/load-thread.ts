import type { LoadInput, LoadResult } from '../src/thread/ports.ts'
import type { ActivityDeps } from './deps.ts'

/** Takes the thread's next epoch and returns what the store knows of it. Throws StoreUnavailable. */
export async function loadThread({ store, settings }: ActivityDeps, ref: LoadInput): Promise<LoadResult> {
  const loaded = await store.engine.load(ref)
  return loaded.status === 'deleted' ? loaded : { ...loaded, settings }
}
