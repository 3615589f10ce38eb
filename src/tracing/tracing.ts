import type { IncomingMessage, ServerResponse } from 'node:http'
import type { WorkflowClientInterceptor } from '@temporalio/client'
import type { ActivityInterceptorsFactory } from '@temporalio/worker'
import type { LogEvent } from '../thread/envelope.ts'
import type { RunRecord, Usage } from '../thread/records.ts'

/** What traces are made of, for those who bring the parts of the service together. */
export type Tracing = {
  /** Opens a span for each request, under the `traceparent` that it brings. */
  http(request: IncomingMessage & RoutedRequest, response: ServerResponse, next: () => void): void
  /** Sends the trace context along with commands, in headers of Temporal's. */
  client: WorkflowClientInterceptor
  /** Opens a span for each activity, under the context that came with it. */
  activity: ActivityInterceptorsFactory
  model: ModelTrace
  /** Tells of runs that have ended: each is one span, from its queueing to its end. Called within an activity. */
  ended(tenant: string, events: readonly LogEvent[], records: readonly RunRecord[]): void
  /** Sends what is left. */
  stop(): Promise<void>
}

/** What Express adds: the route, once one has been found. */
export type RoutedRequest = { route?: { path?: unknown } }

export type ModelCallFacts = { provider: string; model: string; step: number; attempt: number }
/** How a call to a model ended, as far as a trace tells it. */
export type ModelEnd = { kind: 'finished'; finish_reason: string; usage: Usage } | { kind: 'failed'; error: unknown }
export type ModelTrace = <T extends ModelEnd>(call: ModelCallFacts, work: () => Promise<T>) => Promise<T>

export type TracingOptions = {
  /** Address of a collector that speaks OTLP over HTTP, without `/v1/traces`. */
  endpoint: string
  version: string
  /** Names this process. */
  instance: string
  /** Told when traces cannot be sent. */
  onError: (message: string) => void
}

/** Loads what makes traces, and only now: a process that sends none has none of it in memory. */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const { openTracing } = await import('./open.ts')
  return openTracing(options)
}
