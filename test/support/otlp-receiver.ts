import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A span as a collector gets it, with the attributes as a plain object. Ids in hex. */
export type SentSpan = {
  name: string
  trace_id: string
  span_id: string
  parent_id: string
  links: { trace_id: string; span_id: string }[]
  attributes: Record<string, unknown>
  failed: boolean
  start_ms: number
  end_ms: number
}

export type OtlpReceiver = {
  /** What OTEL_EXPORTER_OTLP_ENDPOINT would be. */
  endpoint: string
  spans: SentSpan[]
  /** Of the resource that the last spans came from. */
  resource: Record<string, unknown>
  requests(): number
  /** All that has come in, as it came. */
  raw(): string
  close(): Promise<void>
}

type Value = {
  stringValue?: string
  intValue?: number | string
  doubleValue?: number
  boolValue?: boolean
  arrayValue?: { values: Value[] }
}
type Attribute = { key: string; value: Value }
type Span = {
  name: string
  traceId: string
  spanId: string
  parentSpanId?: string
  links?: { traceId: string; spanId: string }[]
  attributes?: Attribute[]
  status?: { code?: number }
  startTimeUnixNano: string
  endTimeUnixNano: string
}
type Body = { resourceSpans: { resource: { attributes: Attribute[] }; scopeSpans: { spans: Span[] }[] }[] }

/** A collector that takes traces as OTLP over HTTP in JSON, and keeps them. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  let requests = 0
  let raw = ''
  const spans: SentSpan[] = []
  const resource: Record<string, unknown> = {}
  const server = createServer((request, response) => {
    requests += 1
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      if (request.method !== 'POST' || request.url !== '/v1/traces') {
        response.writeHead(404).end()
        return
      }
      raw += body
      for (const { resource: from, scopeSpans } of (JSON.parse(body) as Body).resourceSpans) {
        Object.assign(resource, plain(from.attributes))
        spans.push(...scopeSpans.flatMap((scope) => scope.spans.map(toSent)))
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    spans,
    resource,
    requests: () => requests,
    raw: () => raw,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

function toSent(span: Span): SentSpan {
  return {
    name: span.name,
    trace_id: span.traceId,
    span_id: span.spanId,
    parent_id: span.parentSpanId ?? '',
    links: (span.links ?? []).map(({ traceId, spanId }) => ({ trace_id: traceId, span_id: spanId })),
    attributes: plain(span.attributes ?? []),
    failed: span.status?.code === 2,
    start_ms: Number(BigInt(span.startTimeUnixNano) / 1_000_000n),
    end_ms: Number(BigInt(span.endTimeUnixNano) / 1_000_000n),
  }
}

function plain(attributes: Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]))
}

function valueOf({ stringValue, intValue, doubleValue, boolValue, arrayValue }: Value): unknown {
  if (intValue !== undefined) return Number(intValue)
  return stringValue ?? doubleValue ?? boolValue ?? arrayValue?.values.map(valueOf)
}
