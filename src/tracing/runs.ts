import { context, SpanKind, trace, type Context, type Tracer } from '@opentelemetry/api'
import { ENDING } from './activity.ts'
import { linkTo } from './carrier.ts'
import { about, failed } from './span.ts'
import type { Tracing } from './tracing.ts'

/**
 * A span for each run that has ended, in the trace of the submit that it came from. It is told at the end, with the
 * times of the record, since a workflow lives in no process for long.
 */
export function traceRuns(tracer: Tracer): Tracing['ended'] {
  return (tenant, events, records) => {
    if (!events.some(({ kind }) => kind === 'RunFinished' || kind === 'RunErrored')) return
    const active = context.active()
    const ending = active.getValue(ENDING) as Map<string, Context> | undefined
    for (const record of records) {
      const { run_id, thread_id, agent_id, created_at, started_at, finished_at, termination, usage, steps } = record
      const parent = ending?.get(run_id)
      if (parent === undefined || finished_at === null) continue
      const attributes = {
        ...about({ tenant, thread_id, run_id }),
        'gen_ai.operation.name': 'invoke_agent',
        'gen_ai.agent.id': agent_id,
        'gen_ai.usage.input_tokens': usage.input_tokens,
        'gen_ai.usage.output_tokens': usage.output_tokens,
        'weft.steps': steps,
        'weft.termination': termination?.type ?? 'unknown',
        ...(started_at === null ? {} : { 'weft.queued_ms': started_at - created_at }),
      }
      const links = sameTrace(active, parent) ? [] : linkTo(active)
      const span = tracer.startSpan('run', { kind: SpanKind.INTERNAL, startTime: created_at, attributes, links }, parent)
      if (termination?.type === 'error') failed(span, record.error?.code ?? 'error')
      span.end(Math.max(finished_at, created_at))
    }
  }
}

function sameTrace(a: Context, b: Context): boolean {
  return trace.getSpanContext(a)?.traceId === trace.getSpanContext(b)?.traceId
}
