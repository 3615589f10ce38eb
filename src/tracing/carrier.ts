import { ROOT_CONTEXT, trace, type Context, type Link, type SpanContext } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { defaultPayloadConverter, type Headers, type Payload } from '@temporalio/common'
import { CARRIER } from '../thread/trace-headers.ts'

const propagator = new W3CTraceContextPropagator()
type Carrier = Record<string, string>
const setter = { set: (carrier: Carrier, key: string, value: string) => void (carrier[key] = value) }
const getter = {
  keys: (carrier: Record<string, unknown>) => Object.keys(carrier),
  get: (carrier: Record<string, unknown>, key: string) => {
    const value = carrier[key]
    return typeof value === 'string' ? value : undefined
  },
}

/** The context that a request's headers bring; an empty one if they bring none that is valid. */
export function contextOfHeaders(headers: Record<string, unknown>): Context {
  return propagator.extract(ROOT_CONTEXT, headers, getter)
}

/** The context as a header of Temporal's; undefined where there is nothing to tell. */
export function toHeader(context: Context): Payload | undefined {
  if (trace.getSpanContext(context) === undefined) return undefined
  const carrier: Carrier = {}
  propagator.inject(context, carrier, setter)
  return defaultPayloadConverter.toPayload(carrier)
}

/** Headers with the context in them. */
export function withContext(headers: Headers, context: Context): Headers {
  const header = toHeader(context)
  return header === undefined ? headers : { ...headers, [CARRIER]: header }
}

/** The context in a header of Temporal's; null for none, and for one that cannot be read. */
export function fromHeader(header: Payload | undefined): Context | null {
  if (header === undefined) return null
  try {
    const carrier: unknown = defaultPayloadConverter.fromPayload(header)
    if (typeof carrier !== 'object' || carrier === null) return null
    const context = contextOfHeaders(carrier as Record<string, unknown>)
    return trace.getSpanContext(context) === undefined ? null : context
  } catch {
    return null
  }
}

/** A link to the span that a context names. */
export function linkTo(context: Context | null): Link[] {
  const named: SpanContext | undefined = context === null ? undefined : trace.getSpanContext(context)
  return named === undefined ? [] : [{ context: named }]
}
