import type { ThreadActivities } from '../src/thread/ports.ts'
import type { ActivityDeps } from './deps.ts'
import { loadThread } from './load-thread.ts'
import { persist } from './persist.ts'
import { runModelStep } from './run-model-step.ts'
import { runTool } from './run-tool.ts'

export type { ActivityDeps, ActivityLogger } from './deps.ts'

/** The activities of one worker. All of them must run inside a Temporal activity. */
export function createActivities(deps: ActivityDeps): ThreadActivities {
  return {
    loadThread: (input) => loadThread(deps, input),
    persist: (batch) => persist(deps, batch),
    runModelStep: (input) => runModelStep(deps, input),
    runTool: (input) => runTool(deps, input),
  }
}
