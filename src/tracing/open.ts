import { context, diag, DiagLogLevel, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { traceActivities } from './activity.ts'
import { traceClient } from './client.ts'
import { traceHttp } from './http.ts'
import { traceModel } from './model.ts'
import { traceRuns } from './runs.ts'
import type { Tracing, TracingOptions } from './tracing.ts'

/** Spans wait so long for others to be sent with. */
const SEND_EVERY_MS = 2_000

/**
 * Begins to send traces over OTLP/HTTP. Tools that make spans of their own by the OpenTelemetry API join in, because
 * this is what stands behind it in the process.
 */
export function openTracing({ endpoint, version, instance, onError }: TracingOptions): Tracing {
  const silent = (): void => undefined
  // Its messages may quote what a collector answered, so no more is told than that there is a fault.
  const say = (message: string) => onError(brief(message))
  diag.setLogger({ error: say, warn: silent, info: silent, debug: silent, verbose: silent }, DiagLogLevel.ERROR)
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'weft', 'service.version': version, 'service.instance.id': instance }))
    .merge(detectResources({ detectors: [envDetector] }))
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` })
  const provider = new TracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor({ exporter, scheduledDelayMillis: SEND_EVERY_MS })],
  })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(provider)
  const tracer = provider.getTracer('weft', version)
  return {
    http: traceHttp(tracer),
    client: traceClient(tracer),
    activity: traceActivities(tracer),
    model: traceModel(tracer),
    ended: traceRuns(tracer),
    stop: () => provider.shutdown(),
  }
}

/** The exporter gives an error as JSON, with its stack. */
function brief(text: string): string {
  const message = /"message":"((?:[^"\\\\]|\\\\.)*)"/.exec(text)?.[1]
  return (message ?? text).slice(0, 200)
}
