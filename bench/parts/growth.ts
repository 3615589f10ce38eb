// What a run and a read cost when there is much: many threads in the store, long conversations, long queues. Each is
// compared with the smallest of its kind; the goal is that nothing grows by more than a fifth.
//
// threads: three services side by side, whose stores have 10, 1,000 and 20,000 threads of one run each. The threads are
// copies by SQL of one that was really run (bench/weft/fill.ts), made before the service starts. The repair that follows
// a start is over before anything is measured; what it takes is reported apart.
// messages: threads of one service whose conversations are that long, lengthened by SQL in the same way. A model is
// given its whole conversation, so reading it is part of a run, here as anywhere; the first event has no such part.
// queue: threads of one service with so many messages in the queue. They were sent through the API to a run that took
// its time; the first is held back, so that all stay where they are, and foreground runs go past them. The longest is one
// short of the cap, since a thread with a full queue takes no run.
//
// Fair: one client, the sizes in turn, in both orders, and every thread takes so few runs that its size stays what it is.
import { MAX_PENDING } from '../../src/thread/limits.ts'
import type { Context, Outcome, Part } from '../part.ts'
import { grid } from '../support/grid.ts'
import { interleave } from '../support/interleave.ts'
import { ratio, roundedAll } from '../support/stats.ts'
import { createCell, figuresOf, slice, type Cell, type CellFigures, type Target } from './growth-cells.ts'
import { prepare, serveQueues, startMessages, startThreads } from './growth-places.ts'

export type Sizes = { threads: number[]; messages: number[]; queue: number[]; rounds: number; turns: number; reads: number }
const SIZES: Record<'normal' | 'short', Sizes> = {
  normal: {
    threads: [10, 1_000, 20_000],
    messages: [10, 1_000, 10_000],
    queue: [1, 100, MAX_PENDING - 1],
    rounds: 6,
    turns: 10,
    reads: 20,
  },
  short: { threads: [10, 500], messages: [10, 400], queue: [1, 40], rounds: 2, turns: 3, reads: 5 },
}
/** What nothing should grow beyond, from the smallest to the largest. */
const GOAL = 1.2

export const growth: Part = {
  name: 'growth',
  about: 'runs and reads with many threads, long conversations and long queues, over the smallest of each',
  run: measureGrowth,
}

async function measureGrowth(context: Context): Promise<Outcome> {
  const sizes = SIZES[context.short ? 'short' : 'normal']
  const origin = await prepare(context, sizes)
  const cells: Cell[] = []

  const measureAll = async (dimension: string, targets: Target[]): Promise<void> => {
    context.report(`measuring ${dimension}`)
    const these = targets.map((target) => createCell(dimension, target))
    cells.push(...these)
    // The first slice of each finds everything cold.
    for (const cell of these) await slice(cell, { ...sizes, turns: 2, timed: false })
    await interleave(these, { rounds: sizes.rounds, signal: context.signal }, (cell) => slice(cell, { ...sizes, timed: true }))
  }

  const many = await startThreads(context, origin, sizes)
  await measureAll('threads', many.targets)
  await many.stop()
  const long = await startMessages(context, origin, sizes)
  await measureAll('messages', long.targets)
  await measureAll('queue', await serveQueues(context, long.program, sizes))
  return outcome(cells)
}

const COLUMNS: [title: string, of: (figures: CellFigures) => number][] = [
  ['first', ({ first_p50 }) => first_p50],
  ['end', ({ end_p50 }) => end_p50],
  ['CPU', ({ cpu_ms }) => cpu_ms],
  ['messages', ({ reads }) => reads['messages'] ?? NaN],
  ['events', ({ reads }) => reads['events'] ?? NaN],
  ['pending', ({ reads }) => reads['pending'] ?? NaN],
  ['thread', ({ reads }) => reads['thread'] ?? NaN],
  ['threads', ({ reads }) => reads['threads'] ?? NaN],
]

function outcome(cells: Cell[]): Outcome {
  const json: Record<string, Record<string, CellFigures>> = {}
  const ratios: Record<string, number> = {}
  const rows: (string | number)[][] = []
  for (const [dimension, these] of Map.groupBy(cells, (cell) => cell.dimension)) {
    const each = these.map((cell) => figuresOf(cell))
    const smallest = each[0]
    json[dimension] = Object.fromEntries(these.map((cell, index) => [String(cell.target.size), each[index] as CellFigures]))
    for (const [index, cell] of these.entries()) {
      const figures = each[index]
      if (figures === undefined || smallest === undefined) continue
      rows.push([`${String(cell.target.size)} ${dimension}`, ...COLUMNS.map(([, of]) => of(figures)), figures.turns])
      if (index === 0) continue
      const grown = COLUMNS.map(([title, of]) => [title, ratio(of(figures), of(smallest))] as const)
      rows.push(['', ...grown.map(([, value]) => `×${value.toFixed(2)}`), ''])
      if (index === these.length - 1)
        for (const [title, value] of grown) ratios[`growth_${dimension}_${title.toLowerCase()}`] = value
    }
  }
  const beyond = Object.entries(ratios).filter(([, value]) => value > GOAL)
  return {
    table: grid(['ms', ...COLUMNS.map(([title]) => title), 'runs'], rows),
    notes: [
      'first: first event of a run, end: its end (p50); CPU: of the service and its Temporal server, a run; the rest: GETs (p50).',
      `grown by more than ${String(GOAL)}: ${beyond.map(([name, value]) => `${name.slice('growth_'.length)} ×${value.toFixed(2)}`).join(', ') || 'nothing'}`,
    ],
    json: roundedAll(json),
    ratios,
    wrong: cells.flatMap((cell) => cell.wrong),
  }
}
