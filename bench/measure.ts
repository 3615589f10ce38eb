import { load } from './load.ts'
import type { Subject, Turn } from './subject.ts'
import { figures, type Figures } from './stats.ts'

export const CLIENTS = [1, 8, 32] as const
export const KINDS = ['new_thread', 'warm_thread'] as const
export const SIDES = ['bare', 'weft'] as const
export type Kind = (typeof KINDS)[number]
export type Side = (typeof SIDES)[number]
type Cell = { kind: Kind; side: Side; clients: number; turns: Turn[] }

export type Measured = { of(kind: Kind, side: Side, clients: number): Figures; failures: string[] }

const WARM_UP_MS = 1_000
const WARM_UP_CLIENTS = 8

/**
 * Measures all subjects in turn, round after round, so that what else the machine does falls on all alike: at each
 * number of clients first one side, then the other, in every second round the other way about. `seconds` for each
 * subject and number of clients in all.
 */
export async function measure(
  subjects: Record<Side, Record<Kind, Subject>>,
  { seconds, rounds, signal, report }: { seconds: number; rounds: number; signal: AbortSignal; report(line: string): void },
): Promise<Measured> {
  const cells: Cell[] = CLIENTS.flatMap((clients) =>
    KINDS.flatMap((kind) => SIDES.map((side) => ({ kind, side, clients, turns: [] }))),
  )
  const failures: string[] = []
  const slice = async (cell: Pick<Cell, 'kind' | 'side' | 'clients'>, ms: number): Promise<Turn[]> => {
    const done = await load(subjects[cell.side][cell.kind], cell.clients, ms, signal)
    failures.push(...done.failures.map((failure) => `${cell.side}, ${cell.kind}: ${failure}`))
    return done.turns
  }

  report('warming up')
  for (const side of SIDES) await slice({ kind: 'new_thread', side, clients: WARM_UP_CLIENTS }, WARM_UP_MS)
  for (let round = 0; round < rounds; round++) {
    report(`round ${String(round + 1)} of ${String(rounds)}`)
    for (const clients of CLIENTS) {
      const these = cells.filter((cell) => cell.clients === clients)
      for (const cell of round % 2 === 0 ? these : these.toReversed()) {
        cell.turns.push(...(await slice(cell, (seconds * 1_000) / rounds)))
      }
    }
  }
  return {
    of(kind, side, clients) {
      const cell = cells.find((one) => one.kind === kind && one.side === side && one.clients === clients)
      return figures(cell?.turns ?? [], clients)
    },
    failures,
  }
}
