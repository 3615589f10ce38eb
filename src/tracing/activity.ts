import { createContextKey, ROOT_CONTEXT, SpanKind, type Attributes, type Context, type Tracer } from '@opentelemetry/api'
import type { Headers } from '@temporalio/common'
import type { ActivityInterceptorsFactory } from '@temporalio/worker'
import { fieldsOf } from '../thread/json.ts'
import { CARRIER, ORIGIN, ORIGIN_OF } from '../thread/trace-headers.ts'
import { fromHeader, linkTo } from './carrier.ts'
import { about, failed, within } from './span.ts'

/** Contexts of the runs that the batch of this activity ends, by run id. */
export const ENDING = createContextKey('weft runs that end')

/** Work for no run in particular: without a context of somebody's it begins no trace. */
const BACKGROUND = /^(persist|loadThread|deliverWebhooks|reconcile|repair|list|prune|retain)/

/** A span for each activity. A run's later commands are its parents; the submit that it came from is linked then. */
export function traceActivities(tracer: Tracer): ActivityInterceptorsFactory {
  return (activity) => {
    const { activityType, attempt, workflowExecution } = activity.info
    return {
      inbound: {
        execute(input, next) {
          const parent = fromHeader(input.headers[CARRIER])
          if (parent === null && BACKGROUND.test(activityType)) return next(input)
          const attributes = {
            ...inputAttributes(input.args[0]),
            ...(workflowExecution === undefined
              ? {}
              : { temporalWorkflowID: workflowExecution.workflowId, temporalRunID: workflowExecution.runId }),
            ...(attempt > 1 ? { 'temporal.attempt': attempt } : {}),
          }
          const links = linkTo(fromHeader(input.headers[ORIGIN]))
          const under = (parent ?? ROOT_CONTEXT).setValue(ENDING, endingRuns(input.headers))
          const opening = { name: `RunActivity:${activityType}`, kind: SpanKind.INTERNAL, parent: under, links, attributes }
          return within(tracer, opening, async (span) => {
            const result = await next(input)
            // A failure of a model or a tool is a value here.
            const { kind, status, code } = fieldsOf(result)
            if (kind === 'failed' || kind === 'missing') failed(span, String(code ?? kind))
            else if (kind === 'done' && status === 'error') failed(span, 'tool_error')
            if (typeof kind === 'string') span.setAttribute('weft.outcome', kind)
            return result
          })
        },
      },
    }
  }
}

function endingRuns(headers: Headers): Map<string, Context> {
  const ending = new Map<string, Context>()
  for (const [name, header] of Object.entries(headers)) {
    const context = name.startsWith(ORIGIN_OF) ? fromHeader(header) : null
    if (context !== null) ending.set(name.slice(ORIGIN_OF.length), context)
  }
  return ending
}

/** What the input says of itself: names and numbers, never arguments or messages. */
function inputAttributes(input: unknown): Attributes {
  const { tenant, thread_id, run_id, step, attempt, tool_name, tool_call_id } = fieldsOf(input)
  const text = (value: unknown) => (typeof value === 'string' ? { value } : {})
  const facts = { tenant: text(tenant).value, thread_id: text(thread_id).value, run_id: text(run_id).value }
  return {
    ...about(Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))),
    ...(typeof step === 'number' ? { 'weft.step': step } : {}),
    ...(typeof attempt === 'number' ? { 'weft.attempt': attempt } : {}),
    ...(typeof tool_name === 'string'
      ? { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': tool_name, 'gen_ai.tool.call.id': String(tool_call_id) }
      : {}),
  }
}
