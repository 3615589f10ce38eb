import type { Client } from '@temporalio/client'
import type { OpenThread, Store } from '../store/store.ts'
import { forgetDeleted } from './forget.ts'
import { leaseLooks } from './leased-looks.ts'
import { TASK_QUEUE, workflowIdOf, type WorkerVersion } from './names.ts'
import type { ThreadRef } from '../thread/ports.ts'
import type { ThreadWorkflows } from '../thread/repair/ports.ts'
import { createThreadWorkflows } from './thread-workflows.ts'
import { moveStranded } from './versions.ts'

export type SweepOptions = {
  store: Store
  client: Client
  /** Between two looks (ms). */
  interval_ms: number
  /** Of this worker; null where versions are not told apart. */
  version?: WorkerVersion | null
  log: { warn(facts: object, message: string): void; info(facts: object, message: string): void }
  task_queue?: string
  /** How long after its deletion a thread may still be started by somebody (ms; 15,000). */
  late_ms?: number
}

const PAGE = 200
/** A thread that has changed so lately has a workflow that is at work on it (ms). */
const SETTLED_MS = 2_000
/** One that has not changed for longer may have lost a task, which is given out again after four seconds (ms). */
const STILL_MS = 5_000
/** Between two looks at threads that have stood still only lately, and how lately that is (ms). */
const SOON_MS = 5_000
const LATELY_MS = 60_000
/** Threads that are asked at once, and in one look. */
const AT_ONCE = 8
const AT_MOST = 500
/** One that waits for a person is asked for less and less often: after a tenth of the time that it has waited, and this (ms). */
const WAITED_SHARE = 0.1
const SELDOM_MS = 600_000

/**
 * Wakes threads that have something to do and no workflow: it was terminated, or the engine's data are gone. A
 * message that is held back is something to do too: its hold ends. Tells threads that stand still if the store is ahead
 * of them. And has the engine forget threads that were deleted. Looks once at the start and then again and again, one
 * of all workers. Returns the way to stop.
 */
export function startSweep({
  store,
  client,
  interval_ms,
  log,
  version = null,
  task_queue = TASK_QUEUE,
  late_ms,
}: SweepOptions): () => Promise<void> {
  let stopped = false
  const threads = createThreadWorkflows(client, task_queue)
  const asked: Asked = new Map()
  const found: Found = new Map()
  const leased = leaseLooks(store.leases)
  const guarded = async (look: () => Promise<void>): Promise<void> => {
    try {
      await look()
    } catch (error) {
      log.warn(
        { error: error instanceof Error ? error.message : String(error) },
        'Could not look for threads without a workflow; will look again.',
      )
    }
  }
  const everything = async (): Promise<void> => {
    const woken = await sweep(store, threads, { found, interval_ms }, () => stopped)
    await forgetDeleted(store, client, () => stopped, late_ms)
    if (woken > 0) log.info({ threads: woken }, 'Woke threads whose workflow was gone.')
    await still(0)
  }
  const stranded = async (of: WorkerVersion): Promise<void> => {
    const moved = await moveStranded(client, of, { stopped: () => stopped })
    if (moved > 0) log.info({ workflows: moved }, 'Moved workflows whose version has no worker any more.')
  }
  const still = async (changed_after: number): Promise<void> => {
    const told = await tellThoseBehind(store, threads, { asked, changed_after }, () => stopped)
    if (told > 0) log.info({ threads: told }, 'Told threads that the store was ahead of them.')
  }
  const again = (look: () => Promise<void>, every_ms: number): (() => Promise<void>) => {
    let looking = false
    let current = Promise.resolve()
    // What takes longer than the pause is not begun again meanwhile.
    const begin = (): void => {
      if (looking || stopped) return
      looking = true
      current = guarded(look).finally(() => (looking = false))
    }
    begin()
    const timer = setInterval(begin, every_ms)
    return async () => {
      clearInterval(timer)
      await current
    }
  }
  const soon_ms = Math.min(interval_ms, SOON_MS)
  const looks = [
    again(leased.only('sweep', interval_ms, everything), interval_ms),
    ...(version === null ? [] : [again(() => stranded(version), interval_ms)]),
    again(
      leased.only('sweep/lately', soon_ms, () => still(Date.now() - LATELY_MS)),
      soon_ms,
    ),
  ]
  return async () => {
    stopped = true
    await Promise.all(looks.map((stop) => stop()))
    await leased.release()
  }
}

/** Threads that had a workflow when they were last asked for: when they had last changed, and when that was. */
type Found = Map<string, { updated_at: number; at: number }>

async function sweep(
  store: Store,
  threads: ThreadWorkflows,
  { found, interval_ms }: { found: Found; interval_ms: number },
  stopped: () => boolean,
): Promise<number> {
  const seen = new Set<string>()
  let woken = 0
  for await (const { tenant, id, status, updated_at } of openThreads(store, { before: Date.now() - SETTLED_MS })) {
    if (stopped()) return woken
    const ref = { tenant, thread_id: id }
    const key = workflowIdOf(ref)
    seen.add(key)
    const now = Date.now()
    const last = found.get(key)
    const pause_ms = Math.min(SELDOM_MS, Math.max(interval_ms, (now - updated_at) * WAITED_SHARE))
    if (status === 'waiting' && last?.updated_at === updated_at && now - last.at < pause_ms) continue
    if (await threads.wake(ref)) woken += 1
    found.set(key, { updated_at, at: now })
  }
  keepOnly(found, seen)
  return woken
}

/** When a thread was last changed that has been asked since. */
type Asked = Map<string, number>

/**
 * A worker that dies after a task has written, and before the task is done, takes with it what only that task knew: an
 * update that nobody sends again. The store then has a run that is open, and its thread knows nothing of it. So each
 * thread that has something to do and stands still is asked once how far it knows its log.
 */
async function tellThoseBehind(
  store: Store,
  threads: ThreadWorkflows,
  { asked, changed_after }: { asked: Asked; changed_after: number },
  stopped: () => boolean,
): Promise<number> {
  const waiting: (ThreadRef & { updated_at: number })[] = []
  const seen = new Set<string>()
  for await (const { tenant, id, status, updated_at } of openThreads(store, {
    before: Date.now() - STILL_MS,
    after: changed_after,
  })) {
    const key = workflowIdOf({ tenant, thread_id: id })
    seen.add(key)
    // One that waits for a person stands still by right, for days perhaps, and its next command tells it.
    if (status !== 'waiting' && asked.get(key) !== updated_at && waiting.length < AT_MOST)
      waiting.push({ tenant, thread_id: id, updated_at })
  }
  if (changed_after === 0) keepOnly(asked, seen)
  let told = 0
  const one = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined && !stopped(); next = waiting.shift()) {
      const { updated_at, ...ref } = next
      const behind = await tellIfBehind(store, threads, ref)
      if (behind === null) continue
      asked.set(workflowIdOf(ref), updated_at)
      if (behind) told += 1
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
  return told
}

/** What is remembered of threads that are not open any more is of no use. */
function keepOnly(remembered: Map<string, unknown>, seen: ReadonlySet<string>): void {
  for (const key of remembered.keys()) if (!seen.has(key)) remembered.delete(key)
}

/** Null: it did not answer. */
async function tellIfBehind(store: Store, threads: ThreadWorkflows, ref: ThreadRef): Promise<boolean | null> {
  // Read before the thread is asked: a healthy one is never behind this.
  const row = await store.threads.get(ref.tenant, ref.thread_id)
  if (row === null || row === 'deleted') return false
  const live = await threads.view(ref)
  if (live === null) {
    // Its first run is stored before its workflow is started, and whoever was about to start it may be gone.
    await threads.wake(ref).catch(() => false)
    return null
  }
  if (live.event_seq >= row.last_seq) return false
  // It judges for itself, and may know more by now.
  return (await threads.reconcile(ref, row.last_seq, true)) === null ? null : true
}

/** Threads whose last change was before a moment, and after another. */
async function* openThreads(store: Store, when: { before: number; after?: number }): AsyncGenerator<OpenThread> {
  const updated_before = when.before
  let after: OpenThread | undefined =
    when.after === undefined ? undefined : { tenant: '', id: '', status: '', updated_at: when.after }
  for (;;) {
    const page = await store.threads.listOpen({ updated_before, limit: PAGE, ...(after === undefined ? {} : { after }) })
    yield* page
    after = page.at(-1)
    if (page.length < PAGE) return
  }
}
