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
  /** Those that opened threads too. */
  runs: number
  cpu: ByProcess
  reads: Record<string, number[]>
  wrong: string[]
  thread: string
  left: number
}
export type CellFigures = { turns: number; first_p50: number; end_p50: number; cpu_ms: number; reads: Record<string, number> }

export function createCell(dimension: string, target: Target): Cell {
  return { dimension, target, turns: [], runs: 0, cpu: {}, reads: {}, wrong: [], thread: '', left: 0 }
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
  const { result, cpu } = await withCpu(program.processes, async () => {
    const done: Turn[] = []
    let opened = 0
    for (let n = 0; n < turns; n++) {
      if (cell.left === 0) {
        cell.thread = cell.target.next_thread()
        cell.left = cell.target.turns_each
        // A thread whose workflow is not there yet takes longer, whatever its size.
        await postRun(program.api, agent, cell.thread, 'Hello there')
        opened += 1
      }
      done.push(await postRun(program.api, agent, cell.thread, 'Hello there'))
      cell.left -= 1
    }
    return { done, opened }
  })
  if (!timed) return
  cell.turns.push(...result.done)
  cell.runs += result.done.length + result.opened
  addCpu(cell.cpu, cpu)
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

export function figuresOf({ turns, runs, cpu, reads }: Cell): CellFigures {
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
    cpu_ms: perOne(cpu, runs)['total'] ?? NaN,
    reads: Object.fromEntries(Object.entries(reads).map(([list, times]) => [list, percentile(times, 50)])),
  }
}
