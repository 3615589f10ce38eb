import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** A request that is over, as the HTTP façade tells of it. */
export type CountedRequest = { method: string; route: string; status: number; until_first_ms: number }
export type RequestFigures = {
  request(seen: CountedRequest): void
  /** From where the number of open streams is read. */
  streams(open: () => number): void
}

const BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60]
/** Others would let a caller make series at will. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** What the HTTP façade of a process does. */
export function requestFigures(registers: Registry[]): RequestFigures {
  const requests = new Histogram({
    name: 'weft_http_request_seconds',
    help: 'Time to the answer of a request, or to the first byte of a stream.',
    labelNames: ['method', 'route', 'status'],
    buckets: BUCKETS_S,
    registers,
  })
  const counted = new Counter({
    name: 'weft_http_responses_total',
    help: 'Answers by their status.',
    labelNames: ['status'],
    registers,
  })
  let open = () => 0
  new Gauge({
    name: 'weft_streams_open',
    help: 'Streams and long answers that are open.',
    registers,
    collect() {
      this.set(open())
    },
  })
  return {
    request({ method, route, status, until_first_ms }) {
      const labels = { method: METHODS.has(method) ? method : 'other', route, status: `${String(Math.floor(status / 100))}xx` }
      requests.observe(labels, until_first_ms / 1_000)
      counted.inc({ status })
    },
    streams(of) {
      open = of
    },
  }
}
