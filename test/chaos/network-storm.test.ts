import { each, testMatrix } from './support/network-matrix.ts'
import { nameOf, TROUBLES } from './support/network.ts'
import { wanted } from './support/scale.ts'

/**
 * Every trouble on every link, and long. WEFT_CHAOS_CELLS picks some: `forgotten`, or `api-temporal reset,bandwidth`.
 * Longer until rest than in the short form: in ten seconds a thread can lose two activities one after the other, and
 * each is missed for the fifteen seconds of its heartbeat.
 */
testMatrix({
  lanes: 12,
  toxic_ms: 10_000,
  at_rest_within_ms: 45_000,
  cells: each(TROUBLES).filter((cell) => wanted(nameOf(cell))),
})
