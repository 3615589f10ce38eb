import { interleave } from '../support/interleave.ts'
import { load } from '../support/load.ts'
import { addCpu, perOne, withCpu, type ByProcess, type Processes } from '../support/processes.ts'
import { figures, type Figures } from '../support/stats.ts'
import type { Subject, Turn } from '../support/subject.ts'

export const KINDS = ['new_thread', 'warm_thread'] as const
export const SIDES = ['bare', 'weft'] as const
export type Kind = (typeof KINDS)[number]
export type Side = (typeof SIDES)[number]
type Which = { kind: Kind; side: Side; clients: number }
type Cell = Which & { turns: Turn[]; runs: number; cpu: ByProcess }

export type Measured = {
  /** The numbers of clients, smallest first. */
  clients: readonly number[]
  of(kind: Kind, side: Side, clients: number): Figures
  /** CPU time of each process for one run, in ms. */
  cpu(kind: Kind, side: Side, clients: number): ByProcess
  /** How many turns were timed on each side. */
  timed: Record<Side, number>
  failures: string[]
}

export type Plan = {
  clients: readonly number[]
  /** For each subject at a number of clients in all. */
  seconds(clients: number): number
  rounds: number
  /** How long each side is warmed up (s): a service is compared, and not its first seconds. */
  warm_up: number
  /** The processes that work for each side; a Temporal server that both use stands in both. */
  processes: Record<Side, Processes>
  signal: AbortSignal
  report(line: string): void
}

const WARM_UP_CLIENTS = 8

/**
 * Measures all subjects in turn, at each number of clients first one side, then the other. The CPU time of a slice
 * is that of the processes of its side between its beginning and its end, when nothing else is asked of them.
 */
export async function measure(subjects: Record<Side, Record<Kind, Subject>>, plan: Plan): Promise<Measured> {
  const { clients, signal, processes, rounds } = plan
  const cells: Cell[] = clients.flatMap((count) =>
    KINDS.flatMap((kind) => SIDES.map((side) => ({ kind, side, clients: count, turns: [], runs: 0, cpu: {} }))),
  )
  const failures: string[] = []
  const slice = async ({ kind, side, clients }: Which, ms: number) => {
    const { result, cpu } = await withCpu(processes[side], () => load(subjects[side][kind], clients, ms, signal))
    failures.push(...result.failures.map((failure) => `${side}, ${kind}: ${failure}`))
    return { ...result, cpu }
  }

  plan.report('warming up')
  for (const side of SIDES) await slice({ kind: 'new_thread', side, clients: WARM_UP_CLIENTS }, plan.warm_up * 1_000)
  await interleave(cells, { rounds, signal }, async (cell, round) => {
    if (cell === (round % 2 === 0 ? cells[0] : cells.at(-1))) plan.report(`round ${String(round + 1)} of ${String(rounds)}`)
    const done = await slice(cell, (plan.seconds(cell.clients) * 1_000) / rounds)
    cell.turns.push(...done.turns)
    cell.runs += done.runs
    addCpu(cell.cpu, done.cpu)
  })
  const cellOf = (kind: Kind, side: Side, count: number): Cell | undefined =>
    cells.find((one) => one.kind === kind && one.side === side && one.clients === count)
  const timed = (side: Side): number =>
    cells.filter((cell) => cell.side === side).reduce((sum, { turns }) => sum + turns.length, 0)
  return {
    clients,
    of: (kind, side, count) => figures(cellOf(kind, side, count)?.turns ?? [], count),
    cpu: (kind, side, count) => perOne(cellOf(kind, side, count)?.cpu ?? {}, cellOf(kind, side, count)?.runs ?? 0),
    timed: { bare: timed('bare'), weft: timed('weft') },
    failures,
  }
}
