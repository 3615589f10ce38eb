import {
  isGrpcServiceError,
  QueryNotRegisteredError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type Client,
} from '@temporalio/client'
import type { ThreadRef } from '../thread/ports.ts'
import type { Reconciled, ThreadWorkflows } from '../thread/repair/ports.ts'
import { unpacked, type StoredSnapshot } from '../thread/packed.ts'
import { startOptions, TASK_QUEUE, THREAD_WORKFLOW, WAKE, workflowIdOf } from './names.ts'
import { lookAfter, lookAt } from './stuck.ts'

const QUERY_MS = 5_000
const RECONCILE_MS = 20_000
const PAGE = 100

type ThreadAnswer = { event_seq: number; unstored_events: number; needs_reconcile: string | null } | { loading: true }
type SnapshotAnswer = { snapshot: StoredSnapshot; unstored_events: number; needs_reconcile: string | null } | { loading: true }

/** The living threads as a repair meets them. One that is at work, or does not answer in time, is left to the next repair. */
export function createThreadWorkflows(client: Client, task_queue = TASK_QUEUE): ThreadWorkflows {
  async function ask<T>(ref: ThreadRef, name: string): Promise<T | null> {
    try {
      const handle = client.workflow.getHandle(workflowIdOf(ref))
      // A question that meets a task can make a history that does not replay: see `stuck.ts`.
      const { busy } = await client.withDeadline(Date.now() + QUERY_MS, () => lookAfter(client, workflowIdOf(ref)))
      if (busy) return null
      // One that has closed answers as well, from its history: what it knew when it closed.
      return await client.withDeadline(Date.now() + QUERY_MS, () => handle.query<T>(name))
    } catch (error) {
      if (isAway(error)) return null
      throw error
    }
  }

  return {
    async view(ref) {
      const answer = await ask<ThreadAnswer>(ref, 'thread')
      if (answer === null || 'loading' in answer) return null
      const { event_seq, unstored_events, needs_reconcile } = answer
      return { event_seq, stored_seq: event_seq - unstored_events, needs_reconcile }
    },
    async snapshot(ref) {
      const answer = await ask<SnapshotAnswer>(ref, 'snapshot')
      if (answer === null || 'loading' in answer || answer.unstored_events > 0 || answer.needs_reconcile !== null) return null
      return unpacked(answer.snapshot)
    },
    isRunning: async (ref) => (await client.withDeadline(Date.now() + QUERY_MS, () => lookAt(client, workflowIdOf(ref)))).running,
    wake: (ref) => client.withDeadline(Date.now() + QUERY_MS, () => wakeIfGone(client, ref, task_queue)),
    async reconcile(ref, last_seq, only_if_behind = false) {
      try {
        const handle = client.workflow.getHandle(workflowIdOf(ref))
        return await client.withDeadline(Date.now() + RECONCILE_MS, () =>
          handle.executeUpdate<Reconciled, [object]>('reconcile', {
            args: [{ last_seq, ...(only_if_behind ? { only_if_behind } : {}) }],
          }),
        )
      } catch (error) {
        if (isAway(error) || error instanceof WorkflowUpdateFailedError) return null
        throw error
      }
    },
    async running(tenant, token) {
      const { executions, nextPageToken } = await client.workflowService.listWorkflowExecutions({
        namespace: client.options.namespace,
        query: `WorkflowType = '${THREAD_WORKFLOW}' AND ExecutionStatus = 'Running' AND WorkflowId STARTS_WITH '${tenant}/'`,
        pageSize: PAGE,
        ...(token === null ? {} : { nextPageToken: Buffer.from(token, 'base64') }),
      })
      const ids = (executions ?? []).map(({ execution }) => execution?.workflowId ?? '')
      const own = ids.flatMap((id) => (id.startsWith(`${tenant}/`) ? [id.slice(tenant.length + 1)] : []))
      const more = nextPageToken != null && nextPageToken.length > 0
      return { thread_ids: own, next: more ? Buffer.from(nextPageToken).toString('base64') : null }
    },
  }
}

/** Starts a thread's workflow where there is none; true if it did. One that is stuck is freed. */
export async function wakeIfGone(client: Client, ref: ThreadRef, task_queue: string): Promise<boolean> {
  if ((await lookAfter(client, workflowIdOf(ref))).running) return false
  await client.workflow.signalWithStart(THREAD_WORKFLOW, {
    ...startOptions(ref, task_queue),
    args: [],
    signal: WAKE,
    signalArgs: [{}],
  })
  return true
}

function isAway(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError || error instanceof QueryNotRegisteredError || isGrpcServiceError(error)
}
