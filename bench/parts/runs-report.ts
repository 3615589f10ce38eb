import { shown } from '../support/grid.ts'
import { ratio, roundedAll, type Figures } from '../support/stats.ts'
import { KINDS, SIDES, type Kind, type Measured, type Side } from './runs-measure.ts'

const TITLES: Record<Kind, string> = { new_thread: 'new thread', warm_thread: 'warm thread' }
const ROWS: [title: string, figure: keyof Figures][] = [
  ['first event p50', 'first_p50'],
  ['first event p99', 'first_p99'],
  ['run end p50', 'end_p50'],
  ['run end p99', 'end_p99'],
  ['run end p99/p50', 'end_spread'],
  ['runs per second', 'runs_per_second'],
]
/** CPU time of a run: the server that both sides use, the process that works for the side, both together. */
const CPU_ROWS: [title: string, process: string][] = [
  ['CPU Temporal', 'temporal'],
  ['CPU worker', 'worker'],
  ['CPU a run', 'total'],
]
const PREFIX: Record<Kind, string> = { new_thread: '', warm_thread: 'warm_' }
const TITLE_WIDTH = 18
const WIDTH = 9

/** Everything in one table: a group of columns for each number of clients, Weft's figures over the bare workflow's. */
export function table(measured: Measured): string {
  const { clients } = measured
  const head = clients.map((count) => `${String(count)} client${count === 1 ? '' : 's'}`)
  const lines = [
    ''.padEnd(TITLE_WIDTH) +
      head.map((title) => `│${title.padStart((WIDTH * 3 + title.length) / 2).padEnd(WIDTH * 3)} `).join(''),
    'times in ms'.padEnd(TITLE_WIDTH) + head.map(() => `│${cells(['bare', 'weft', 'ratio'])} `).join(''),
  ]
  for (const kind of KINDS) {
    lines.push(`${TITLES[kind]} `.padEnd(TITLE_WIDTH, '─') + head.map(() => `┼${'─'.repeat(WIDTH * 3 + 1)}`).join(''))
    const row = (title: string, figure: (side: Side, count: number) => number, compared = true): void => {
      const groups = clients.map((count) => {
        const [bare, weft] = [figure('bare', count), figure('weft', count)]
        return `│${cells([shown(bare), shown(weft), compared ? ratio(weft, bare).toFixed(2) : ''])} `
      })
      lines.push(`  ${title}`.padEnd(TITLE_WIDTH) + groups.join(''))
    }
    for (const [title, figure] of ROWS) row(title, (side, count) => measured.of(kind, side, count)[figure])
    for (const [title, name] of CPU_ROWS) row(title, (side, count) => measured.cpu(kind, side, count)[name] ?? NaN)
    row('(runs measured)', (side, count) => measured.of(kind, side, count).runs, false)
  }
  return lines.join('\n')
}

export type Summary = { ratios: Record<string, number>; bare: object; weft: object; cpu: object }

/** The same for programs. `ratios` are Weft's over the bare workflow's: of latencies (p50), throughput, CPU time. */
export function summary(measured: Measured): Summary {
  const ratios: [string, number][] = KINDS.flatMap((kind) =>
    measured.clients.flatMap((count): [string, number][] => {
      const [bare, weft] = [measured.of(kind, 'bare', count), measured.of(kind, 'weft', count)]
      const name = (what: string): string => `${PREFIX[kind]}${what}_c${String(count)}`
      const cpu = (side: Side): number => measured.cpu(kind, side, count)['total'] ?? NaN
      return [
        [name('run_latency'), ratio(weft.end_p50, bare.end_p50)],
        [name('first_event'), ratio(weft.first_p50, bare.first_p50)],
        [name('throughput'), ratio(weft.runs_per_second, bare.runs_per_second)],
        [name('cpu'), ratio(cpu('weft'), cpu('bare'))],
      ]
    }),
  )
  const each = (figure: (kind: Kind, count: number) => unknown): object =>
    roundedAll(
      Object.fromEntries(
        KINDS.map((kind) => [
          kind,
          Object.fromEntries(measured.clients.map((count) => [`c${String(count)}`, figure(kind, count)])),
        ]),
      ),
    )
  const side = (which: Side): object => each((kind, count) => measured.of(kind, which, count))
  const cpu = each((kind, count) => Object.fromEntries(SIDES.map((which) => [which, measured.cpu(kind, which, count)])))
  return { ratios: Object.fromEntries(ratios), bare: side('bare'), weft: side('weft'), cpu }
}

function cells(texts: string[]): string {
  return texts.map((text) => text.padStart(WIDTH)).join('')
}
