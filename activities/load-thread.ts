import { firstBatch, markOf, type Begin } from '../src/thread/begin.ts'
import type { LoadInput, LoadResult } from '../src/thread/ports.ts'
import type { ActivityDeps } from './deps.ts'
import { persist } from './persist.ts'

/**
 * What the whole may take (ms). The local activity has a second, and whoever waits for a thread that was loaded in time
 * must not be refused because of a write that is late.
 */
const WITHIN_MS = 800

/**
 * Takes the thread's next epoch and returns what the store knows of it. With `begin`, also stores what those inputs lead
 * to, so that a first command costs one local activity and not two; where that fails or takes too long, the thread
 * writes the same once more. Throws StoreUnavailable.
 */
export async function loadThread(deps: ActivityDeps, { begin, ...ref }: LoadInput & { begin?: Begin }): Promise<LoadResult> {
  const began = performance.now()
  const stored = await deps.store.engine.load(ref)
  if (stored.status === 'deleted') return stored
  const loaded = { ...stored, settings: deps.settings }
  const batch = begin === undefined ? null : firstBatch(ref, loaded, begin)
  const left = WITHIN_MS - (performance.now() - began)
  if (batch === null || left <= 0) return loaded
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, left, null)
  })
  const result = await Promise.race([persist(deps, batch).catch(() => null), late])
  clearTimeout(timer)
  return result?.status === 'stored' ? { ...loaded, begun: markOf(batch) } : loaded
}
