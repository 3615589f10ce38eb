/**
 * Which pending messages a freeze takes: a plain retelling of the design's words, made to be compared with the core.
 * It shares no code with the core, and it is slow and simple on purpose.
 */
export type Boundary = 'interrupt' | 'next_step' | 'on_natural_end' | 'resume_input' | 'new_run'
export type Wanted = {
  boundary: Boundary
  one: boolean
  barrier: boolean
  target: string | null
  fallback: boolean
}
export type Entry = {
  id: string
  wanted: Wanted
  agent: string
  /** The overrides of its submit as text; null where none were given. */
  overrides: string | null
  /** The run that its submit was told; null for one that is meant for an open run. */
  run: string | null
  /** Held back until then (ms); null if nobody holds it. */
  held: number | null
  /** Counts its edits; from 1. */
  revision: number
}
export type Reader = { run_id: string; agent: string; overrides: string | null }
/** `stop`: the entry at which the walk stopped, if it did not come to the end of the queue. */
export type Walk = { taken: Entry[]; stop: Entry | null }

const ORDER = { interrupt: 0, next_step: 1, on_natural_end: 2, new_run: 4 } as const

/** `reader`: the open run that would read them; null where a run is about to start. */
export function walk(queue: readonly Entry[], at: Boundary, reader: Reader | null, now: number): Walk {
  const taken: Entry[] = []
  const heldLanes = new Set<string>()
  let skipped = false
  for (const entry of queue) {
    const { wanted } = entry
    const lane = wanted.boundary === 'new_run' ? 'new' : 'active'
    if ((entry.held !== null && entry.held > now) || heldLanes.has(lane)) {
      if (wanted.barrier) return { taken, stop: entry }
      heldLanes.add(lane)
      continue
    }
    if (!eligible(wanted, at, reader)) {
      const maySkip = at === 'new_run' ? lane === 'active' && !wanted.fallback : lane === 'new'
      if (wanted.barrier || !maySkip) return { taken, stop: entry }
      skipped = true
      continue
    }
    if (wanted.barrier && skipped) return { taken, stop: entry }
    if (wanted.one && taken.length > 0) return { taken, stop: entry }
    if (!suits(entry, reader, taken[0])) return { taken, stop: entry }
    taken.push(entry)
    if (wanted.barrier || wanted.one) return { taken, stop: null }
  }
  return { taken, stop: null }
}

/**
 * What a waiting run reads when messages resume it; nothing if they cannot. With its tickets closed its step has all
 * its results, so `next_step` is due as well as `resume_input`: the two take turns until neither finds anything.
 */
export function resumable(whole: readonly Entry[], reader: Reader, now: number): Entry[] {
  // The run goes on, so nothing that waits for its end is due; only a barrier among it is still in the way.
  const queue = whole.filter(({ wanted }) => wanted.barrier || wanted.boundary !== 'on_natural_end')
  const read: Entry[] = []
  let resumed = false
  for (;;) {
    const rest = (): Entry[] => queue.filter((entry) => !read.includes(entry))
    const steps = walk(rest(), 'next_step', reader, now).taken
    read.push(...steps)
    const inputs = walk(rest(), 'resume_input', reader, now).taken
    read.push(...inputs)
    resumed ||= inputs.length > 0
    if (steps.length === 0 && inputs.length === 0) return resumed ? read : []
  }
}

function eligible(wanted: Wanted, at: Boundary, reader: Reader | null): boolean {
  if (wanted.boundary === 'resume_input' || at === 'resume_input') {
    if (wanted.boundary !== at) return false
  } else if (ORDER[wanted.boundary] > ORDER[at]) return false
  if (wanted.target === null) return true
  return at === 'new_run' ? wanted.fallback : wanted.target === reader?.run_id
}

/** A batch stops where the agent or the overrides change; an open run has an agent and overrides already. */
function suits(entry: Entry, reader: Reader | null, first: Entry | undefined): boolean {
  if (reader !== null) {
    return entry.agent === reader.agent && (entry.overrides === null || entry.overrides === reader.overrides)
  }
  return first === undefined || (entry.agent === first.agent && entry.overrides === first.overrides)
}
