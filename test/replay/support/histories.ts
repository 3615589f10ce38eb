import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import proto, { type temporal } from '@temporalio/proto'
import { eventually, type Engine } from '../../support/engine.ts'
import { ROOT } from '../../support/sources.ts'

const { History } = proto.temporal.api.history.v1
/** As JSON; not by the SDK's own function, which needs that a single copy of protobufjs be installed. */
const AS_JSON = { enums: String, longs: String, bytes: String }

export type Recorded = { name: string; workflowId: string; history: temporal.api.history.v1.IHistory }

/** Where the histories of all behaviours stand, as `<behaviour>.<n>.json`. */
export const HISTORIES = join(ROOT, 'test', 'replay', 'histories')

/** Every history that is kept. The file says which workflow it is of: names in it derive from that. */
export function readHistories(folder = HISTORIES): Recorded[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => {
      const { workflow_id, events } = JSON.parse(readFileSync(join(folder, name), 'utf8'))
      return { name: name.replace(/\.json$/, ''), workflowId: workflow_id, history: History.fromObject({ events }) }
    })
}

/** All executions of a workflow, oldest first, each as the text of its file. */
export async function fetchHistories(engine: Engine, workflowId: string): Promise<string[]> {
  const { runId } = await engine.client.workflow.getHandle(workflowId).describe()
  const runs = await eventually(async () => {
    const query = `WorkflowId = '${workflowId}'`
    const { executions } = await engine.client.workflowService.listWorkflowExecutions({ namespace: 'default', query })
    const found = (executions ?? []).map(({ execution, startTime }) => ({
      runId: execution?.runId ?? '',
      at: Number(startTime?.seconds) * 1e9 + Number(startTime?.nanos),
    }))
    // The list lags behind the server's own state.
    return found.some((run) => run.runId === runId) ? found.sort((a, b) => a.at - b.at) : undefined
  })
  const texts = []
  for (const run of runs) {
    const history = await engine.client.workflow.getHandle(workflowId, run.runId).fetchHistory()
    const { events } = History.toObject(History.fromObject(history), AS_JSON)
    texts.push(JSON.stringify({ workflow_id: workflowId, events: cleaned(events) }))
  }
  return texts
}

const LEFT_OUT = new Set(['stickyAttributes', 'workerVersion', 'meteringMetadata', 'requestId', 'taskId'])

/** Without what tells of the machine: who was connected, where its sources lie. No replay looks at that. */
function cleaned(value: any, key = ''): any {
  if (Array.isArray(value)) return value.map((item) => cleaned(item))
  if (typeof value !== 'object' || value === null) {
    if (key === 'identity') return 'recorder'
    return key === 'stackTrace' ? '' : value
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !LEFT_OUT.has(name))
      .map(([name, inner]) => [name, name === 'taskQueue' ? queueOf(inner) : cleaned(inner, name)]),
  )
}

/** A sticky queue is named after the worker. */
function queueOf(queue: any): any {
  if (queue?.kind !== 'TASK_QUEUE_KIND_STICKY') return queue
  return { ...queue, name: 'sticky', normalName: 'weft' }
}
