import { CLIENTS, KINDS, type Kind, type Measured } from './measure.ts'
import type { Figures } from './stats.ts'

const TITLES: Record<Kind, string> = { new_thread: 'new thread', warm_thread: 'warm thread' }
const ROWS: [title: string, figure: keyof Figures][] = [
  ['first event p50', 'first_p50'],
  ['first event p99', 'first_p99'],
  ['run end p50', 'end_p50'],
  ['run end p99', 'end_p99'],
  ['runs per second', 'runs_per_second'],
  ['(runs measured)', 'runs'],
]
const PREFIX: Record<Kind, string> = { new_thread: '', warm_thread: 'warm_' }
const TITLE_WIDTH = 18
const WIDTH = 9

/** Everything in one table: a group of columns for each number of clients, Weft's figures over the bare workflow's. */
export function table(measured: Measured): string {
  const head = CLIENTS.map((clients) => `${String(clients)} client${clients === 1 ? '' : 's'}`)
  const lines = [
    ''.padEnd(TITLE_WIDTH) +
      head.map((title) => `│${title.padStart((WIDTH * 3 + title.length) / 2).padEnd(WIDTH * 3)} `).join(''),
    'times in ms'.padEnd(TITLE_WIDTH) + head.map(() => `│${cells(['bare', 'weft', 'ratio'])} `).join(''),
  ]
  for (const kind of KINDS) {
    lines.push(`${TITLES[kind]} `.padEnd(TITLE_WIDTH, '─') + head.map(() => `┼${'─'.repeat(WIDTH * 3 + 1)}`).join(''))
    for (const [title, figure] of ROWS) {
      const groups = CLIENTS.map((clients) => {
        const bare = measured.of(kind, 'bare', clients)[figure]
        const weft = measured.of(kind, 'weft', clients)[figure]
        return `│${cells([shown(bare), shown(weft), figure === 'runs' ? '' : (weft / bare).toFixed(2)])} `
      })
      lines.push(`  ${title}`.padEnd(TITLE_WIDTH) + groups.join(''))
    }
  }
  return lines.join('\n')
}

/** The same for programs. `ratios` are Weft's over the bare workflow's: of latencies (p50) and of throughput. */
export function summary(measured: Measured): { ratios: Record<string, number>; bare: object; weft: object } {
  const ratios: [string, number][] = KINDS.flatMap((kind) =>
    CLIENTS.flatMap((clients): [string, number][] => {
      const bare = measured.of(kind, 'bare', clients)
      const weft = measured.of(kind, 'weft', clients)
      const at = `c${String(clients)}`
      return [
        [`${PREFIX[kind]}run_latency_${at}`, rounded(weft.end_p50 / bare.end_p50)],
        [`${PREFIX[kind]}first_event_${at}`, rounded(weft.first_p50 / bare.first_p50)],
        [`${PREFIX[kind]}throughput_${at}`, rounded(weft.runs_per_second / bare.runs_per_second)],
      ]
    }),
  )
  const all = (side: 'bare' | 'weft'): object =>
    Object.fromEntries(
      KINDS.map((kind) => [
        kind,
        Object.fromEntries(CLIENTS.map((clients) => [`c${String(clients)}`, roundedAll(measured.of(kind, side, clients))])),
      ]),
    )
  return { ratios: Object.fromEntries(ratios), bare: all('bare'), weft: all('weft') }
}

function cells(texts: string[]): string {
  return texts.map((text) => text.padStart(WIDTH)).join('')
}

function shown(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1)
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000
}

function roundedAll(figures: Figures): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, rounded(value)]))
}
