import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { childrenOf } from '../../test/support/postgres.ts'

/** Processes by name, each by its number. */
export type Processes = Record<string, number>
/** A figure for each process by name. */
export type ByProcess = Record<string, number>

let tick_ms: number | null = null

/** CPU time of a process with all its threads since it began, in ms (the kernel counts in steps of 10); NaN without /proc. */
export function cpuMs(pid: number): number {
  return ticks(pid, 11)
}

/** The same with its children, those that have ended too. */
export function familyCpuMs(pid: number): number {
  return childrenOf(pid).reduce((sum, child) => sum + cpuMs(child), cpuMs(pid) + ticks(pid, 13))
}

/** Two fields of the kernel's line, user's and system's time, from this one on after the name. */
function ticks(pid: number, from: number): number {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
    // The name in parentheses may hold spaces; utime and stime are the 14th and 15th field.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    tick_ms ??= 1_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
    return (Number(fields[from]) + Number(fields[from + 1])) * tick_ms
  } catch {
    return NaN
  }
}

/** What the work has cost each process, in ms of CPU, beside its result. `time`: `familyCpuMs` for those with children. */
export async function withCpu<T>(
  processes: Processes,
  work: () => Promise<T>,
  time = cpuMs,
): Promise<{ result: T; cpu: ByProcess }> {
  const before = all(processes, time)
  const result = await work()
  const after = all(processes, time)
  return {
    result,
    cpu: Object.fromEntries(Object.keys(processes).map((name) => [name, (after[name] ?? 0) - (before[name] ?? 0)])),
  }
}

const LOOK_MS = 500
const REST_MS = 2_000
const REST_SHARE = 0.05

/** Waits until processes do next to nothing for two seconds, for at most `most_ms`. */
export async function untilAtRest(processes: Processes, most_ms: number): Promise<void> {
  const until = performance.now() + most_ms
  for (let quiet_ms = 0; quiet_ms < REST_MS && performance.now() < until;) {
    const { cpu } = await withCpu(processes, () => sleep(LOOK_MS))
    quiet_ms = (perOne(cpu, 1)['total'] ?? 0) <= LOOK_MS * REST_SHARE ? quiet_ms + LOOK_MS : 0
  }
}

/** Adds up what several slices have cost. */
export function addCpu(sum: ByProcess, more: ByProcess): void {
  for (const [name, ms] of Object.entries(more)) sum[name] = (sum[name] ?? 0) + ms
}

/** Each process's share of one of `count`, and all together as `total`. */
export function perOne(sum: ByProcess, count: number): ByProcess {
  const each = Object.fromEntries(Object.entries(sum).map(([name, value]) => [name, value / count]))
  return { ...each, total: Object.values(each).reduce((all, value) => all + value, 0) }
}

/** Resident memory in bytes; NaN without /proc. */
export function residentBytes(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1]) * 1_024
  } catch {
    return NaN
  }
}

export function all(processes: Processes, figure: (pid: number) => number): ByProcess {
  return Object.fromEntries(Object.entries(processes).map(([name, pid]) => [name, figure(pid)]))
}
