import type { RequestListener } from 'node:http'
import type { Metrics } from '../metrics/metrics.ts'

/** Answers `GET /metrics` and nothing else. */
export function metricsListener(metrics: Metrics): RequestListener {
  return (request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('See /metrics.\n')
      return
    }
    metrics.text().then(
      (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
      () => response.writeHead(503, { 'content-type': 'text/plain', 'retry-after': '1' }).end('The figures cannot be had now.\n'),
    )
  }
}
