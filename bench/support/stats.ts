import type { Turn } from './subject.ts'

export type Figures = {
  runs: number
  first_p50: number
  first_p99: number
  end_p50: number
  end_p99: number
  /** p99 over p50: how uneven the times are. */
  first_spread: number
  end_spread: number
  runs_per_second: number
}

/** Figures of turns that so many clients took, each one after the other. */
export function figures(turns: readonly Turn[], clients: number): Figures {
  const firsts = turns.map(({ first_ms }) => first_ms)
  const ends = turns.map(({ end_ms }) => end_ms)
  const busy_ms = ends.reduce((sum, ms) => sum + ms, 0)
  const [first_p50, first_p99, end_p50, end_p99] = [
    percentile(firsts, 50),
    percentile(firsts, 99),
    percentile(ends, 50),
    percentile(ends, 99),
  ]
  return {
    runs: turns.length,
    first_p50,
    first_p99,
    end_p50,
    end_p99,
    first_spread: first_p99 / first_p50,
    end_spread: end_p99 / end_p50,
    // Clients do nothing but take turns, so this is what they did in their time. Dividing by the time on the wall
    // would charge a slice's last, partly idle moments to whoever takes longer.
    runs_per_second: turns.length === 0 ? 0 : (clients * turns.length * 1000) / busy_ms,
  }
}

/** The smallest value that is not below `percent` of them; NaN of none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? NaN
}

export function median(values: readonly number[]): number {
  return percentile(values, 50)
}

/** To thousandths, as the JSON has all figures. */
export function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000
}

/** `ours` over `theirs`, rounded; NaN, and so null in JSON, where there is nothing to compare. */
export function ratio(ours: number, theirs: number): number {
  return theirs > 0 ? rounded(ours / theirs) : NaN
}

/** All numbers of it rounded, however deep they stand. */
export function roundedAll<T>(value: T): T {
  if (typeof value === 'number') return rounded(value) as T
  if (Array.isArray(value)) return value.map((one) => roundedAll(one) as unknown) as T
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, roundedAll(one as unknown)])) as T
}
