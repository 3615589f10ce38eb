import { makeContinueAsNewFunc, patched, proxyActivities, proxyLocalActivities, workflowInfo } from '@temporalio/workflow'
import type { Begin, HandOver, ThreadInput } from '../src/thread/begin.ts'
import type { Input } from '../src/thread/input.ts'
import { jsonSize } from '../src/thread/json.ts'
import { MAX_CARRIED_BYTES } from '../src/thread/limits.ts'
import type { LoadInput, ThreadActivities } from '../src/thread/ports.ts'
import { fromStore } from '../src/thread/state-init.ts'
import { inShort } from '../src/thread/packed.ts'
import type { ThreadState } from '../src/thread/state.ts'

const quick = proxyLocalActivities<Pick<ThreadActivities, 'loadThread'>>({
  scheduleToCloseTimeout: '1s',
  retry: { maximumAttempts: 1 },
})
const patient = proxyActivities<Pick<ThreadActivities, 'loadThread'>>({
  startToCloseTimeout: '5s',
  retry: { initialInterval: '500ms', backoffCoefficient: 1.5, maximumInterval: '3s' },
  summary: 'load the thread (the store was away)',
})

export type Loaded = { state: ThreadState; quick: boolean; begun: string | null }

/**
 * The thread as the store has it; null if it was deleted. `begin` is for its quick way alone: what waits may be too much
 * for a history. `begun` then is the mark of what it led to, if that is stored already.
 * Waits for the store as long as it takes; `slow`: it will take.
 */
export async function loadState(ref: LoadInput, slow: () => void, begin?: Begin): Promise<Loaded | null> {
  const input = wasReset() ? { ...ref, all_commands: true } : ref
  let isQuick = true
  const loaded = await quick.loadThread(begin === undefined ? input : { ...input, begin }).catch(() => {
    isQuick = false
    slow()
    return patient.loadThread(input)
  })
  return loaded.status === 'deleted' ? null : { state: fromStore(ref, loaded), quick: isQuick, begun: loaded.begun ?? null }
}

/**
 * Whether this execution was reset to its first task. The state that it was handed is of then: the store knows what came
 * after, and steps that the state shows as ready may be done. A reset to a later task replays the first one as it was,
 * and finds no mark of the patch in it.
 */
export function beginsAgain(): boolean {
  // Whoever replays a history that was saved does so under its first run's id; without a mark `patched` says no there.
  return (wasReset() || workflowInfo().unsafe.isReplaying) && patched('load-after-reset')
}

function wasReset(): boolean {
  const { runId, originalExecutionRunId } = workflowInfo()
  return runId !== originalExecutionRunId
}

export function handOver(state: ThreadState, inputs: Input[]): HandOver {
  return { state: inShort(state), inputs }
}

/** Whether this is small enough to be the next execution's input. */
export function canTravel(luggage: HandOver): boolean {
  return jsonSize(luggage) <= MAX_CARRIED_BYTES
}

/**
 * Hands over to a new execution: with the state, or without it when all of it is stored, to be loaded again. Where
 * versions are told apart, the next execution begins on the newest one (servers up to 1.29 keep it on the same one).
 */
export function startOver(luggage: HandOver | undefined): Promise<never> {
  const versioned = workflowInfo().currentDeploymentVersion !== undefined
  const next = makeContinueAsNewFunc<(input: ThreadInput) => Promise<void>>(
    versioned ? { initialVersioningBehavior: 'AUTO_UPGRADE' } : {},
  )
  return next(luggage ?? { handed_over: true })
}
