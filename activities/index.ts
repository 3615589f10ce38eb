import { withFacts, type Facts } from '../src/log/facts.ts'
import type { ThreadActivities, ThreadRef } from '../src/thread/ports.ts'
import type { ReconcileActivities } from '../src/thread/repair/ports.ts'
import type { ActivityDeps } from './deps.ts'
import { loadThread } from './load-thread.ts'
import { persist } from './persist.ts'
import { reconcileActivities } from './reconcile.ts'
import { runModelStep } from './run-model-step.ts'
import { runTool } from './run-tool.ts'

export { beginStepsAhead } from './begin-steps-ahead.ts'
export { beginThread } from './begin-thread.ts'
export { beginStep } from './run-model-step.ts'
export { StepsAhead } from './steps-ahead.ts'
export type { ActivityDeps, ActivityLogger } from './deps.ts'

export type WorkerActivities = ThreadActivities & ReconcileActivities

/** The activities of one worker. All of them must run inside a Temporal activity. */
export function createActivities(deps: ActivityDeps): WorkerActivities {
  return {
    loadThread: (input) => withFacts(threadOf(input), () => loadThread(deps, input)),
    persist: (batch) => withFacts(threadOf(batch), () => persist(deps, batch)),
    runModelStep: (input) => withFacts(runOf(input), () => runModelStep(deps, input)),
    runTool: (input) => withFacts(runOf(input), () => runTool(deps, input)),
    ...reconcileActivities(deps),
  }
}

/** What every line of the log says that an activity writes. */
function threadOf({ tenant, thread_id }: ThreadRef): Facts {
  return { tenant, thread_id }
}

function runOf({ tenant, thread_id, run_id }: ThreadRef & { run_id: string }): Facts {
  return { tenant, thread_id, run_id }
}
