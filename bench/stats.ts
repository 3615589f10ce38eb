import type { Turn } from './subject.ts'

export type Figures = {
  runs: number
  first_p50: number
  first_p99: number
  end_p50: number
  end_p99: number
  runs_per_second: number
}

/** Figures of turns that so many clients took, each one after the other. */
export function figures(turns: readonly Turn[], clients: number): Figures {
  const firsts = turns.map(({ first_ms }) => first_ms)
  const ends = turns.map(({ end_ms }) => end_ms)
  const busy_ms = ends.reduce((sum, ms) => sum + ms, 0)
  return {
    runs: turns.length,
    first_p50: percentile(firsts, 50),
    first_p99: percentile(firsts, 99),
    end_p50: percentile(ends, 50),
    end_p99: percentile(ends, 99),
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
