import type { LiveFrame } from '../../live/bus.ts'
import type { LogEvent } from '../../thread/envelope.ts'
import { createRunProjection, type Projected, type RunProjection } from './native-events.ts'

/** A frame of one of a thread's runs. */
export type OfRun = Projected & { run_id: string }
type StepFrame = Extract<LiveFrame, { run_id: string }>

/** Frames of runs that have ended may still come from a worker that was given up; so many runs are remembered. */
const ENDED_MEMORY = 100

/** All runs of one thread as native events, in the order of its log. At most one is open at a time; others may wait their turn. */
export interface ThreadRuns {
  /** Takes a run in that began before the log was joined. */
  add(run_id: string, projection: RunProjection): void
  /** Whether this open run has been seen before. */
  knows(run_id: string | null): boolean
  log(event: LogEvent): OfRun[]
  live(frame: StepFrame): OfRun[]
  /** The log must be read before this frame can be placed. */
  behind(frame: StepFrame): boolean
  /** True once after live frames of an open run were lost. */
  takeGap(): boolean
  /** Whether a model may be at work: there is a run that neither waits nor has ended. */
  readonly working: boolean
}

/** `parentOf` tells the parent of a run whose queueing was not seen. */
export function createThreadRuns(parentOf: (event: LogEvent) => string | null): ThreadRuns {
  const open = new Map<string, RunProjection>()
  const ended = new Set<string>()

  function close(run_id: string): void {
    open.delete(run_id)
    ended.add(run_id)
    const oldest = ended.size > ENDED_MEMORY ? ended.values().next().value : undefined
    if (oldest !== undefined) ended.delete(oldest)
  }

  return {
    add: (run_id, projection) => void open.set(run_id, projection),
    knows: (run_id) => run_id !== null && open.has(run_id),
    log(event) {
      const { run_id } = event
      if (run_id === null) return []
      let projection = open.get(run_id)
      if (projection === undefined) {
        if (!BEGINNINGS.has(event.kind)) return []
        projection = createRunProjection(run_id, { ends_on_wait: false, parent_run_id: parentOf(event) })
        open.set(run_id, projection)
      }
      const frames = projection.log(event).map((frame) => ({ ...frame, run_id }))
      if (projection.ended) close(run_id)
      return frames
    },
    live: (frame) => (open.get(frame.run_id)?.live(frame) ?? []).map((news) => ({ ...news, run_id: frame.run_id })),
    behind: (frame) => open.get(frame.run_id)?.behind(frame) ?? !ended.has(frame.run_id),
    takeGap() {
      let had = false
      for (const projection of open.values()) had = projection.takeGap() || had
      return had
    },
    get working() {
      return [...open.values()].some(({ waiting_since }) => waiting_since === null)
    },
  }
}

/** With these a run can come up: queued, started after its queueing went unseen, or ended before it ever started. */
const BEGINNINGS: ReadonlySet<string> = new Set(['RunQueued', 'RunStarted', 'RunFinished', 'RunErrored'])
