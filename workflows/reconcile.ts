import {
  continueAsNew,
  defineQuery,
  ParentClosePolicy,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow'
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common'
import type { Counts, LostFact, ReconcileActivities, ReconcilePage, ReconcileStatus } from '../src/thread/repair/ports.ts'
import {
  NOTHING_DONE,
  reconcileId,
  RECONCILE_SUMMARY,
  withPage,
  type ReconcileInput,
  type ReconcileProgress,
} from '../src/thread/repair/progress.ts'

/** As many pages as a second holds; the store or a thread may be away for a while, and then the first of them is tried again. */
const activities = proxyActivities<ReconcileActivities>({
  startToCloseTimeout: '5m',
  heartbeatTimeout: '1m',
  retry: { initialInterval: '1s', maximumInterval: '30s', maximumAttempts: 10 },
})
/** Each activity is three events or so. */
const ACTIVITIES_PER_EXECUTION = 200

/**
 * Compares everything that is kept of a tenant's threads with each other and with the living threads, page by page,
 * and mends what is missing; then drops what is too old to be kept. With a thread's id: that thread alone.
 */
export async function reconcile(input: ReconcileInput): Promise<ReconcileStatus> {
  let progress: ReconcileProgress = input.progress ?? NOTHING_DONE
  const { tenant, thread_id = null } = input
  const view = (status: ReconcileStatus['status'], lost: LostFact[] = []): ReconcileStatus => {
    const { threads_seen, mended, dropped } = progress
    return { status, tenant, thread_id, threads_seen, mended, dropped, lost }
  }
  setHandler(defineQuery('progress'), () => view('running'), { description: 'What has been looked at and mended so far.' })
  for (let count = 0; progress.phase !== 'done'; count++) {
    if (count >= ACTIVITIES_PER_EXECUTION) await continueAsNew<typeof reconcile>({ ...input, progress })
    progress = withPage(progress, await nextPage(input, progress), thread_id !== null)
    setCurrentDetails(`${String(progress.threads_seen)} threads seen · mended ${sentence(progress.mended)}`)
  }
  return view('done', await activities.listLost({ tenant, thread_id }))
}

function nextPage({ tenant, thread_id = null }: ReconcileInput, { phase, next }: ReconcileProgress): Promise<ReconcilePage> {
  switch (phase) {
    case 'threads':
      return activities.reconcileThreads({ tenant, after: next ?? '', thread_id })
    case 'workflows':
      return activities.reconcileWorkflows({ tenant, token: next, thread_id })
    default:
      return activities.retain({ tenant, after: next ?? '' })
  }
}

/**
 * What the schedule starts: a repair for each tenant, by an id that lets only one run at a time, whoever has started
 * it. A tenant whose repair is under way is left alone.
 */
export async function reconcileAll(): Promise<Counts> {
  const started: Counts = {}
  for (const tenant of await activities.reconcileTenants()) {
    try {
      await startChild(reconcile, {
        workflowId: reconcileId(tenant),
        args: [{ tenant }],
        taskQueue: workflowInfo().taskQueue,
        parentClosePolicy: ParentClosePolicy.ABANDON,
        staticSummary: RECONCILE_SUMMARY,
      })
      started[tenant] = 1
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
      started[tenant] = 0
    }
  }
  return started
}

function sentence(counts: Counts): string {
  const kinds = Object.entries(counts).filter(([, count]) => count > 0)
  return kinds.length === 0 ? 'nothing' : kinds.map(([kind, count]) => `${String(count)} ${kind}`).join(', ')
}
