import { context, SpanKind, trace, type Tracer } from '@opentelemetry/api'
import { currentFacts } from '../log/facts.ts'
import { contextOfHeaders } from './carrier.ts'
import { about, failed } from './span.ts'
import type { Tracing } from './tracing.ts'

/** Asked every few seconds by machines: a trace of it tells nobody anything. */
const NOT_TRACED = /^\/(health|metrics)\b/

/** A span for each request. It has no address, because tokens may stand in its query, but the route and the ids. */
export function traceHttp(tracer: Tracer): Tracing['http'] {
  return (request, response, next) => {
    const { method = 'GET', url = '/' } = request
    if (NOT_TRACED.test(url)) {
      next()
      return
    }
    const parent = contextOfHeaders(request.headers)
    const span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes: { 'http.request.method': method } }, parent)
    const facts = currentFacts()
    response.once('close', () => {
      const route = typeof request.route?.path === 'string' ? request.route.path : undefined
      if (route !== undefined) span.updateName(`${method} ${route}`).setAttribute('http.route', route)
      span.setAttributes({ ...about(facts), 'http.response.status_code': response.statusCode })
      if (response.statusCode >= 500) failed(span, String(response.statusCode))
      else if (!response.writableFinished) span.setAttribute('weft.left_early', true)
      span.end()
    })
    context.with(trace.setSpan(parent, span), next)
  }
}
