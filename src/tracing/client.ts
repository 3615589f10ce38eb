import { context, SpanKind, trace, TraceFlags, type Span, type Tracer } from '@opentelemetry/api'
import type { WorkflowClientInterceptor } from '@temporalio/client'
import type { Headers } from '@temporalio/common'
import { withContext } from './carrier.ts'
import { about, within } from './span.ts'

/** What is sent, with the context that it is sent in. */
function carried<T extends { headers: Headers }>(input: T): T {
  return { ...input, headers: withContext(input.headers, context.active()) }
}

function isSampled(span: Span): boolean {
  return (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0
}

/** A span for each command that is sent on behalf of somebody, and its context along with it. */
export function traceClient(tracer: Tracer): WorkflowClientInterceptor {
  function sending<T>(name: string, workflow_id: string | undefined, send: () => Promise<T>): Promise<T> {
    // What the service does by itself, such as its sweeps, begins no trace, and nor does what a request has left behind.
    const span = trace.getActiveSpan()
    if (span === undefined || (isSampled(span) && !span.isRecording())) return send()
    const attributes = { ...about(), ...(workflow_id === undefined ? {} : { temporalWorkflowID: workflow_id }) }
    return within(tracer, { name, kind: SpanKind.CLIENT, attributes }, () => send())
  }
  return {
    startUpdateWithStart(input, next) {
      return sending(`UpdateWithStart:${input.updateName}`, input.workflowStartOptions.workflowId, () => {
        const active = context.active()
        const workflowStartHeaders = withContext(input.workflowStartHeaders, active)
        return next({ ...input, workflowStartHeaders, updateHeaders: withContext(input.updateHeaders, active) })
      })
    },
    startUpdate(input, next) {
      return sending(`Update:${input.updateName}`, input.workflowExecution.workflowId, () => next(carried(input)))
    },
    signal(input, next) {
      return sending(`Signal:${input.signalName}`, input.workflowExecution.workflowId, () => next(carried(input)))
    },
    signalWithStart(input, next) {
      return sending(`SignalWithStart:${input.signalName}`, input.options.workflowId, () => next(carried(input)))
    },
    startWithDetails(input, next) {
      return sending(`Start:${input.workflowType}`, input.options.workflowId, () => next(carried(input)))
    },
  }
}
