import { afterAll, beforeAll, expect, test } from 'vitest'
import { hasToxiproxy } from '../../support/toxiproxy.ts'
import { randomFrom } from '../../streams/support/random.ts'
import { Life } from './lives.ts'
import { deployOnNetwork, LINKS, runCell, type Cell, type CellFigures, type Network } from './network.ts'
import { seed } from './scale.ts'
import { Sender } from './sender.ts'
import { portrait } from './portrait.ts'
import { judge } from './verdict.ts'

export type MatrixPlan = {
  lanes: number
  toxic_ms: number
  cells: Cell[]
  /** From the end of a trouble to the rest of all threads. */
  at_rest_within_ms: number
}

/** A worker learns only after 30 and 15 s that its connection to Temporal was dropped: the SDK lets nobody ask sooner. */
const FORGOTTEN_WORKER_MS = 60_000
/** The longest that a command waits for its answer, be it 503: its five seconds at Temporal, the store before, a busy machine. */
const ANSWERED_WITHIN_MS = 6_500

/** Every one of the troubles on every link. */
export const each = (troubles: readonly string[]): Cell[] =>
  LINKS.flatMap((link) => troubles.map((trouble) => ({ on: [link], trouble })))
const BUILD_MS = 400_000
const CELL_SPARE_MS = 90_000

/** All cells on one deployment, one after the other, and what must hold after all of them. */
export function testMatrix(plan: MatrixPlan): void {
  const { lanes, toxic_ms, cells, at_rest_within_ms } = plan
  const limit = (cell: string): number => (cell === 'worker-temporal forgotten' ? FORGOTTEN_WORKER_MS : at_rest_within_ms)
  const can = hasToxiproxy()
  if (!can) console.error('Without Go to build Toxiproxy the tests of the network are left out.')
  let network: Network | null = null
  beforeAll(async () => {
    if (can) network = await deployOnNetwork()
  }, BUILD_MS)
  afterAll(async () => {
    await network?.end()
  }, 60_000)

  test.skipIf(!can)(
    `${String(cells.length)} troubles of the network under load: every command has an answer in time and is applied once`,
    async () => {
      const SEED = seed()
      const random = randomFrom(SEED)
      if (network === null) throw new Error('It could not be deployed.')
      const { deployment } = network
      const sender = new Sender(deployment.urls, random)
      const lives = Array.from({ length: lanes }, (_, lane) => new Life(`network-${String(lane)}`, sender, random))
      const figures: CellFigures[] = []
      for (const cell of cells) {
        const result = await runCell(network, cell, sender, { lives, toxic_ms, give_up_ms: CELL_SPARE_MS })
        figures.push(result)
        console.log(JSON.stringify(result))
        for (const thread_id of result.busy.slice(0, 1))
          console.log(await portrait(sender, network.deployment.temporal.address, thread_id))
        if (result.busy.length > 0) break
      }
      const verdict = await judge(deployment.urls[0] ?? '', sender.sent)
      const slots = [...deployment.apis, ...deployment.workers]
      console.log(
        `network: seed ${String(SEED)} ${JSON.stringify({ ...verdict, statuses: Object.fromEntries(sender.statuses) })}`,
      )
      expect(slots.flatMap(({ unasked }) => unasked)).toEqual([])
      expect(verdict.problems).toEqual([])
      expect(sender.wrong.slice(0, 5)).toEqual([])
      expect(figures.filter(({ cut_off }) => cut_off > 0)).toEqual([])
      expect(figures.filter(({ cell, busy, at_rest_ms }) => busy.length > 0 || at_rest_ms > limit(cell))).toEqual([])
      expect(figures.filter(({ command_ms }) => command_ms > ANSWERED_WITHIN_MS)).toEqual([])
    },
    cells.length * (toxic_ms + CELL_SPARE_MS),
  )
}
