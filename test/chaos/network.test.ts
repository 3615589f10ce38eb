import { ALL_CELLS, testMatrix } from './support/network-matrix.ts'

const only = process.env['CELLS']?.split(',')
testMatrix({
  lanes: 4,
  toxic_ms: 2_000,
  cells: ALL_CELLS.filter(({ link, trouble }) => only === undefined || only.some((x) => `${link} ${trouble}`.includes(x))),
  at_rest_within_ms: 30_000,
  answered_within_ms: 9_000,
})
