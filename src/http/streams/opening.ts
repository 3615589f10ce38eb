import type { LogEvent } from '../../thread/envelope.ts'
import type { Projected } from './native-events.ts'

/**
 * Where a run's stream begins. `start`: with all of the run. `after`: behind a cursor. `join`: with the open step, or
 * with the end alone if the run has ended. `submit`: with what came of a submit that was answered at that event
 * number: a new run from its start, a run that waited from where it goes on. `told`: with all of a run that has begun
 * just now, with this event; nothing of it is older than the reader's listening.
 */
export type StreamStart = { from: 'start' | 'join' } | { from: 'after' | 'submit' | 'told'; seq: number }

/** Chooses what of the replayed log is sent. */
export interface Opening {
  /** What to send at once for this event. */
  feed(event: LogEvent, frames: Projected[]): Projected[]
  /** What remains to be sent when the log's end is reached. */
  finish(ended: boolean): Projected[]
}

export function createOpening(start: StreamStart): Opening {
  let head: Projected[] = []
  let kept: Projected[] = []
  let last: Projected | null = null
  let sent = false

  /** Keeps the run's first frame and what comes after this point. */
  function cut(frames: Projected[]): void {
    const first = [...head, ...kept, ...frames].find(({ event }) => event.event_type === 'run_start')
    if (first !== undefined) head = [{ event: first.event }]
    kept = []
  }

  return {
    feed(event, frames) {
      last = frames.at(-1) ?? last
      if (start.from === 'start' || start.from === 'told') return frames
      if (start.from === 'after') {
        if (event.event_seq <= start.seq) return []
        sent ||= frames.length > 0
        return frames
      }
      if (start.from === 'submit') {
        kept.push(...frames)
        if (event.kind === 'RunWaiting' && event.event_seq <= start.seq) cut([])
        return []
      }
      for (const frame of frames) {
        if (frame.event.event_type === 'step_start') cut([])
        kept.push(frame)
      }
      return []
    },
    finish(ended) {
      if (start.from === 'start' || start.from === 'told') return []
      if (ended && last !== null && (start.from === 'join' || (start.from === 'after' && !sent))) return [last]
      return [...head, ...kept.filter(({ event }) => head.length === 0 || event.event_type !== 'run_start')]
    },
  }
}
