import type { Agent } from 'node:http'
import { addCpu, perOne, withCpu, type ByProcess } from '../support/processes.ts'
import { percentile } from '../support/stats.ts'
import type { Turn } from '../support/subject.ts'
import { timedGet } from '../weft/get.ts'
import { postRun } from '../weft/post-run.ts'
import type { Program } from '../weft/program.ts'

/** Threads of one size in a service, each of which takes `turns_each` runs and is left then. */
export type Target = { size: number; program: Program; agent: Agent; next_thread(): string; turns_each: number }
export type Cell = {
  dimension: string
  target: Target
  turns: Turn[]
  cpu: ByProcess
  reads: Record<string, number[]>
  wrong: string[]
  thread: string
  left: number
}
export type CellFigures = { turns: number; first_p50: number; end_p50: number; cpu_ms: number; reads: Record<string, number> }

export function createCell(dimension: string, target: Target): Cell {
  return { dimension, target, turns: [], cpu: {}, reads: {}, wrong: [], thread: '', left: 0 }
}

type Much = { turns: number; reads: number; timed: boolean }

/** Some runs one after the other, then some reads of each list, in one thread or more. */
export async function slice(cell: Cell, much: Much): Promise<void> {
  try {
    await runsOf(cell, much)
    await readsOf(cell, much)
  } catch (error) {
    cell.wrong.push(`${String(cell.target.size)} ${cell.dimension}: ${(error as Error).message}`)
  }
}

async function runsOf(cell: Cell, { turns, timed }: Much): Promise<void> {
  const { program, agent } = cell.target
  for (let left = turns; left > 0;) {
    if (cell.left === 0) {
      cell.thread = cell.target.next_thread()
      cell.left = cell.target.turns_each
      // A thread whose workflow is not there yet costs more, whatever its size; neither its time nor its CPU time counts.
      await postRun(program.api, agent, cell.thread, 'Hello there')
    }
    const count = Math.min(left, cell.left)
    const { result, cpu } = await withCpu(program.processes, async () => {
      const done: Turn[] = []
      for (let n = 0; n < count; n++) done.push(await postRun(program.api, agent, cell.thread, 'Hello there'))
      return done
    })
    left -= count
    cell.left -= count
    if (!timed) continue
    cell.turns.push(...result)
    addCpu(cell.cpu, cpu)
  }
}

async function readsOf(cell: Cell, { reads, timed }: Much): Promise<void> {
  const { program, agent } = cell.target
  const thread = `${program.api}/v1/threads/${cell.thread}`
  const addresses = {
    // Conversations are read from their end.
    messages: `${thread}/messages?order=desc`,
    events: `${thread}/events`,
    pending: `${thread}/pending`,
    thread,
    threads: `${program.api}/v1/threads`,
  }
  for (const [list, address] of Object.entries(addresses)) {
    const times = (cell.reads[list] ??= [])
    for (let n = 0; n < reads; n++) {
      const { ms } = await timedGet(address, agent)
      if (timed) times.push(ms)
    }
  }
}

export function figuresOf({ turns, cpu, reads }: Cell): CellFigures {
  return {
    turns: turns.length,
    first_p50: percentile(
      turns.map(({ first_ms }) => first_ms),
      50,
    ),
    end_p50: percentile(
      turns.map(({ end_ms }) => end_ms),
      50,
    ),
    cpu_ms: perOne(cpu, turns.length)['total'] ?? NaN,
    reads: Object.fromEntries(Object.entries(reads).map(([list, times]) => [list, percentile(times, 50)])),
  }
}
