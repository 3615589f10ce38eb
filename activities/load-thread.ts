import { firstBatch, type Begin } from '../src/thread/begin.ts'
import type { LoadInput, LoadResult } from '../src/thread/ports.ts'
import type { ActivityDeps } from './deps.ts'
import { persist } from './persist.ts'

/**
 * Takes the thread's next epoch and returns what the store knows of it. With `begin`, also stores what those inputs lead
 * to, so that a first command costs one local activity and not two; where that fails, the thread does it itself.
 * Throws StoreUnavailable.
 */
export async function loadThread(deps: ActivityDeps, { begin, ...ref }: LoadInput & { begin?: Begin }): Promise<LoadResult> {
  const stored = await deps.store.engine.load(ref)
  if (stored.status === 'deleted') return stored
  const loaded = { ...stored, settings: deps.settings }
  const batch = begin === undefined ? null : firstBatch(ref, loaded, begin)
  if (batch === null) return loaded
  const result = await persist(deps, batch).catch(() => null)
  return result?.status === 'stored' ? { ...loaded, begun: batch.last_seq } : loaded
}
