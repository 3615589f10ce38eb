import { Connection } from '@temporalio/client'
import { temporal } from '@temporalio/proto'

type Event = temporal.api.history.v1.IHistoryEvent
type Execution = { runId: string; status: string; started: number }

const PAGE = 1_000

/** What the engine itself has noted about a workflow, for the case that somebody has to find out why. */
export class Histories {
  readonly #connection: Connection

  static async open(address: string): Promise<Histories> {
    return new Histories(await Connection.connect({ address }))
  }

  constructor(connection: Connection) {
    this.#connection = connection
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  /** All executions that the server lists, the oldest first; it lists new ones a moment later. */
  async executions(workflowId: string): Promise<Execution[]> {
    const { executions } = await this.#connection.workflowService.listWorkflowExecutions({
      namespace: 'default',
      query: `WorkflowId = '${workflowId}'`,
      pageSize: PAGE,
    })
    return (executions ?? [])
      .map(({ execution, status, startTime }) => ({
        runId: execution?.runId ?? '',
        status: temporal.api.enums.v1.WorkflowExecutionStatus[status ?? 0] ?? '',
        started: Number(startTime?.seconds ?? 0) * 1_000 + (startTime?.nanos ?? 0) / 1_000_000,
      }))
      .sort((a, b) => a.started - b.started)
  }

  async events(workflowId: string, runId: string): Promise<Event[]> {
    const { history } = await this.#connection.workflowService.getWorkflowExecutionHistory({
      namespace: 'default',
      execution: { workflowId, runId },
      maximumPageSize: PAGE,
    })
    return history?.events ?? []
  }

  /** How many workflow tasks of all executions have failed or timed out, by cause. */
  async failedTasks(workflowId: string): Promise<Record<string, number>> {
    const counts: Record<string, number> = {}
    for (const { runId } of await this.executions(workflowId)) {
      for (const event of await this.events(workflowId, runId)) {
        const cause = failureOf(event)
        if (cause !== null) counts[cause] = (counts[cause] ?? 0) + 1
      }
    }
    return counts
  }

  /** The last executions and the last events of the last one, as text. */
  async tail(workflowId: string, count: number): Promise<string[]> {
    const executions = await this.executions(workflowId)
    const last = executions.at(-1)
    if (last === undefined) return ['no execution']
    const events = await this.events(workflowId, last.runId)
    return [
      ...executions.slice(-3).map(({ runId, status }) => `${runId} ${status.replace('WORKFLOW_EXECUTION_STATUS_', '')}`),
      ...events.slice(-count).map((event) => `${timeOf(event)} ${String(event.eventId)} ${nameOf(event)}`),
    ]
  }
}

function failureOf({
  workflowTaskFailedEventAttributes: failed,
  workflowTaskTimedOutEventAttributes: timedOut,
}: Event): string | null {
  if (failed != null) {
    const cause = temporal.api.enums.v1.WorkflowTaskFailedCause[failed.cause ?? 0] ?? ''
    return cause.replace('WORKFLOW_TASK_FAILED_CAUSE_', '')
  }
  if (timedOut == null) return null
  const type = temporal.api.enums.v1.TimeoutType[timedOut.timeoutType ?? 0] ?? ''
  return `timed out ${type.replace('TIMEOUT_TYPE_', '')}`
}

function nameOf(event: Event): string {
  const name = (temporal.api.enums.v1.EventType[event.eventType ?? 0] ?? '').replace('EVENT_TYPE_', '')
  const detail =
    failureOf(event) ??
    event.activityTaskScheduledEventAttributes?.activityType?.name ??
    event.workflowExecutionSignaledEventAttributes?.signalName ??
    event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input?.name ??
    event.markerRecordedEventAttributes?.markerName ??
    event.timerStartedEventAttributes?.timerId
  return detail == null ? name : `${name} ${detail}`
}

function timeOf({ eventTime }: Event): string {
  const at = Number(eventTime?.seconds ?? 0) * 1_000 + (eventTime?.nanos ?? 0) / 1_000_000
  return new Date(at).toISOString().slice(11, 23)
}
