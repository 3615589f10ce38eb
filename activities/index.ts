import type { ThreadActivities } from '../src/thread/ports.ts'
import type { ReconcileActivities } from '../src/thread/repair/ports.ts'
import type { ActivityDeps } from './deps.ts'
import { loadThread } from './load-thread.ts'
import { persist } from './persist.ts'
import { reconcileActivities } from './reconcile.ts'
import { runModelStep } from './run-model-step.ts'
import { runTool } from './run-tool.ts'

export type { ActivityDeps, ActivityLogger } from './deps.ts'

export type WorkerActivities = ThreadActivities & ReconcileActivities

/** The activities of one worker. All of them must run inside a Temporal activity. */
export function createActivities(deps: ActivityDeps): WorkerActivities {
  return {
    loadThread: (input) => loadThread(deps, input),
    persist: (batch) => persist(deps, batch),
    runModelStep: (input) => runModelStep(deps, input),
    runTool: (input) => runTool(deps, input),
    ...reconcileActivities(deps),
  }
}
