import type { Registry } from 'prom-client'

type Kind = 'counter' | 'gauge' | 'histogram'

/**
 * Of the SDK's figures those that tell whether a worker keeps up. The list is closed, so that a new release of the SDK
 * brings no series that nobody has asked for; its labels are names of the service's own (task queue, types, operations).
 */
const SHOWN: Readonly<Record<string, readonly [Kind, string]>> = {
  temporal_num_pollers: ['gauge', 'Pollers that wait for tasks, by kind.'],
  temporal_worker_task_slots_available: ['gauge', 'Tasks that the worker could take on top, by kind.'],
  temporal_worker_task_slots_used: ['gauge', 'Tasks under way in the worker, by kind.'],
  temporal_sticky_cache_size: ['gauge', 'Workflows that the worker has in memory.'],
  temporal_sticky_cache_hit_total: ['counter', 'Workflow tasks of workflows in memory.'],
  temporal_sticky_cache_miss_total: ['counter', 'Workflow tasks whose workflow had to be replayed from its history.'],
  temporal_sticky_cache_total_forced_eviction_total: ['counter', 'Workflows that lost their place in memory to others.'],
  temporal_workflow_task_schedule_to_start_latency_seconds: ['histogram', 'Time that workflow tasks waited for a worker.'],
  temporal_workflow_task_execution_latency_seconds: ['histogram', 'Time that workflow tasks took.'],
  temporal_workflow_task_replay_latency_seconds: ['histogram', 'Time that replays took.'],
  temporal_workflow_task_execution_failed_total: ['counter', 'Workflow tasks that failed; they are done again.'],
  temporal_workflow_task_queue_poll_succeed_total: ['counter', 'Polls that brought a workflow task.'],
  temporal_workflow_task_queue_poll_empty_total: ['counter', 'Polls that brought none.'],
  temporal_workflow_failed_total: ['counter', 'Workflows that ended with a failure; a thread never should.'],
  temporal_activity_schedule_to_start_latency_seconds: ['histogram', 'Time that activities waited for a worker.'],
  temporal_activity_execution_latency_seconds: ['histogram', 'Time that activities took, by type.'],
  temporal_activity_execution_failed_total: ['counter', 'Activities that failed, by type.'],
  temporal_local_activity_execution_latency_seconds: ['histogram', 'Time that local activities took: loading and storing.'],
  temporal_local_activity_execution_failed_total: ['counter', 'Local activities that failed, by type.'],
  temporal_request_latency_seconds: ['histogram', 'Time that requests to the Temporal server took.'],
  temporal_request_failure_total: ['counter', 'Requests to the Temporal server that failed.'],
  temporal_long_request_failure_total: ['counter', 'Polls at the Temporal server that failed.'],
}

/** The part of a page that stands on SHOWN. A figure without samples yet is announced all the same. */
export function shownOf(page: string): string {
  const samples = new Map<string, string[]>()
  for (const line of page.split('\n')) {
    const name = /^([a-z_]+)/.exec(line)?.[1]
    const base = name === undefined ? undefined : SHOWN[name] === undefined ? name.replace(/_(bucket|sum|count)$/, '') : name
    if (base === undefined || SHOWN[base] === undefined) continue
    const known = samples.get(base)
    if (known === undefined) samples.set(base, [line])
    else known.push(line)
  }
  return Object.entries(SHOWN)
    .flatMap(([name, [kind, help]]) => [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...(samples.get(name) ?? [])])
    .join('\n')
}

/** Our own page and after it the SDK's part; a page that cannot be had now leaves out its samples. */
export async function pageOf(registry: Registry, temporal: (() => Promise<string>) | null): Promise<string> {
  const own = registry.metrics()
  if (temporal === null) return own
  const theirs = await temporal().catch(() => '')
  return `${await own}\n${shownOf(theirs)}\n`
}
