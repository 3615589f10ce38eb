import { context, SpanStatusCode, trace, type Attributes, type Context, type Span, type Tracer } from '@opentelemetry/api'
import type { Link, SpanKind } from '@opentelemetry/api'
import { currentFacts, type Facts } from '../log/facts.ts'

export type Opening = { name: string; kind: SpanKind; parent?: Context; links?: Link[]; attributes: Attributes }

/** Does some work within a span, which ends with it. Of an error the span tells only the kind: texts may quote people. */
export async function within<T>(tracer: Tracer, opening: Opening, work: (span: Span) => Promise<T>): Promise<T> {
  const { name, kind, attributes, links = [], parent = context.active() } = opening
  const span = tracer.startSpan(name, { kind, attributes, links }, parent)
  try {
    return await context.with(trace.setSpan(parent, span), () => work(span))
  } catch (error) {
    failed(span, errorType(error))
    throw error
  } finally {
    span.end()
  }
}

export function failed(span: Span, type: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', type)
}

/** A word for what went wrong. */
export function errorType(error: unknown): string {
  const { code, statusCode } = (typeof error === 'object' && error !== null ? error : {}) as {
    code?: unknown
    statusCode?: unknown
  }
  if (typeof statusCode === 'number') return String(statusCode)
  if (typeof code === 'string' && /^\w{1,40}$/.test(code)) return code
  return error instanceof Error ? error.name : 'unknown'
}

/** Of which thread, run and tenant a span tells. */
export function about({ tenant, thread_id, run_id, request_id }: Facts = currentFacts()): Attributes {
  return {
    ...(tenant === undefined ? {} : { 'weft.tenant': tenant }),
    ...(thread_id === undefined ? {} : { 'weft.thread_id': thread_id }),
    ...(run_id === undefined ? {} : { 'weft.run_id': run_id }),
    ...(request_id === undefined ? {} : { 'weft.request_id': request_id }),
  }
}
