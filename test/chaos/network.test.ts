import { each, testMatrix } from './support/network-matrix.ts'
import { LINKS } from './support/network.ts'

/** The short form; `npm run test:chaos -- network` is the long one. */
testMatrix({
  lanes: 6,
  toxic_ms: 2_000,
  at_rest_within_ms: 30_000,
  cells: [
    ...each(['half_open', 'outage']),
    { on: ['api-temporal', 'worker-postgres'], trouble: 'reset' },
    { on: ['worker-temporal', 'api-postgres'], trouble: 'reset' },
    { on: ['api-postgres', 'worker-postgres'], trouble: 'forgotten' },
    ...['latency', 'slow_close', 'bandwidth'].map((trouble) => ({ on: LINKS, trouble })),
  ],
})
