import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  type Client,
} from '@temporalio/client'
import type { ReconcileStatus } from '../thread/repair/ports.ts'
import { NOTHING_DONE, reconcileId, RECONCILE_SUMMARY } from '../thread/repair/progress.ts'
import type { Reconciler } from './gateway.ts'
import { RECONCILE_SCHEDULE, RECONCILE_WORKFLOW, TASK_QUEUE } from './names.ts'

const CALL_MS = 5_000
const SOON_MS = 500

/** Repairs over a Temporal client: one at a time for each tenant, whoever has started it. */
export function createReconciler(client: Client, task_queue = TASK_QUEUE): Reconciler {
  /** The first execution of what runs or ran last under the tenant's id. */
  const latest = async (tenant: string) => {
    const { raw, status } = await client.workflow.getHandle(reconcileId(tenant)).describe()
    return { first: raw.workflowExecutionInfo?.firstRunId ?? '', status: status.name }
  }
  const within = <T>(work: () => Promise<T>): Promise<T> => client.withDeadline(Date.now() + CALL_MS, work)

  return {
    start: (tenant, thread_id) =>
      within(async () => {
        try {
          const handle = await client.workflow.start('reconcile', {
            workflowId: reconcileId(tenant),
            taskQueue: task_queue,
            args: [{ tenant, ...(thread_id === undefined ? {} : { thread_id }) }],
            staticSummary: RECONCILE_SUMMARY,
          })
          return { id: handle.firstExecutionRunId, already_running: false }
        } catch (error) {
          if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
          return { id: (await latest(tenant)).first, already_running: true }
        }
      }),
    status: (tenant, id) =>
      within(async () => {
        // The server takes nothing else.
        if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return null
        try {
          // By the id of the execution, which must be one of this tenant's.
          const handle = client.workflow.getHandle(reconcileId(tenant), id)
          const { status } = await handle.describe()
          const { first, status: now } = await latest(tenant)
          const running = status.name === 'RUNNING' || (status.name === 'CONTINUED_AS_NEW' && first === id && now === 'RUNNING')
          if (running) return await client.workflow.getHandle(reconcileId(tenant)).query<ReconcileStatus>('progress')
          return (await handle.result().catch(() => failed(tenant))) as ReconcileStatus
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return null
          throw error
        }
      }),
  }
}

function failed(tenant: string): ReconcileStatus {
  const { threads_seen, mended, dropped } = NOTHING_DONE
  return { status: 'failed', tenant, thread_id: null, threads_seen, mended, dropped, lost: [] }
}

/**
 * For a thread that has found the store behind it: starts a repair soon, one for all threads that find it together. One
 * that is under way may have been past that thread, so another follows it.
 */
export function repairSoon(reconciler: Reconciler, onError: (error: unknown) => void): (tenant: string) => void {
  const waiting = new Set<string>()
  return (tenant) => {
    if (waiting.has(tenant)) return
    waiting.add(tenant)
    const again = (): void => {
      const timer = setTimeout(() => {
        reconciler.start(tenant).then(
          ({ already_running }) => {
            if (already_running) again()
            else waiting.delete(tenant)
          },
          (error: unknown) => {
            waiting.delete(tenant)
            onError(error)
          },
        )
      }, SOON_MS)
      timer.unref()
    }
    again()
  }
}

/** Makes the schedule that starts repairs, or brings it to this interval; 0 takes it away. */
export async function scheduleRepairs(client: Client, interval_ms: number, task_queue = TASK_QUEUE): Promise<void> {
  const handle = client.schedule.getHandle(RECONCILE_SCHEDULE)
  if (interval_ms === 0) {
    await handle.delete().catch(ignoreMissing)
    return
  }
  const spec = { intervals: [{ every: interval_ms }] }
  const action = {
    type: 'startWorkflow' as const,
    workflowType: RECONCILE_WORKFLOW,
    workflowId: 'reconcile',
    taskQueue: task_queue,
    args: [],
    staticSummary: RECONCILE_SUMMARY,
  }
  const policies = { overlap: 'SKIP' as const, catchupWindow: interval_ms }
  try {
    // And at once: whoever has restored a backup starts the service again.
    await client.schedule.create({ scheduleId: RECONCILE_SCHEDULE, spec, action, policies, state: { triggerImmediately: true } })
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error
    await handle.update((before) => ({ ...before, spec, action, policies }))
    await handle.trigger('SKIP')
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof ScheduleNotFoundError)) throw error
}
