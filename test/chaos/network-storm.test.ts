import { each, testMatrix } from './support/network-matrix.ts'
import { nameOf, TROUBLES } from './support/network.ts'
import { wanted } from './support/scale.ts'

/** Every trouble on every link, and long. WEFT_CHAOS_CELLS picks some: `forgotten`, or `api-temporal reset,bandwidth`. */
testMatrix({ lanes: 12, toxic_ms: 10_000, cells: each(TROUBLES).filter((cell) => wanted(nameOf(cell))) })
