import type { LogEvent } from '../../thread/envelope.ts'
import { eventCursor } from '../cursors.ts'
import type { HttpContext } from '../options.ts'
import { createSync, follow, type Live } from './follow.ts'
import type { Inbox } from './inbox.ts'
import { createLogReader } from './log-reader.ts'
import { createRunProjection, type Projected } from './native-events.ts'
import { createOpening, type StreamStart } from './opening.ts'
import type { FrameSink } from './sse.ts'
import { toldEnd } from './told-end.ts'

export type RunStreamOptions = {
  thread_id: string
  run_id: string
  start: StreamStart
  /** What was submitted is new: nothing of its log can have been dropped, so its end need not be looked for elsewhere. */
  fresh?: boolean
  /** A run that waits for a decision ends the stream; else the stream waits with it. */
  ends_on_wait: boolean
  /** Opened before the run was submitted or looked up, so that nothing falls between. Closed at the end. */
  inbox: Inbox
}

/** Scope of the cursors on a run's stream and events. */
export function runScope(run_id: string): string {
  return `run:${run_id}`
}

/**
 * Writes a run's native events: first from the log, then as they come, until the run ends (or waits, with
 * `ends_on_wait`), the reader goes or the service closes.
 */
export async function streamRun(context: HttpContext, options: RunStreamOptions, sink: FrameSink): Promise<void> {
  const { thread_id, run_id, start, inbox } = options
  /** Waits up to here were ended by the submit itself, even if the log does not show it yet. */
  const over_until = start.from === 'submit' ? start.seq : 0
  const projection = createRunProjection(run_id, { ends_on_wait: options.ends_on_wait, closed_until: over_until })
  let opening: ReturnType<typeof createOpening> | null = createOpening(start)

  const send = (projected: readonly Projected[]): Promise<void> =>
    sink.send(
      projected.map(({ event, seq, at }) => ({
        data: event,
        id: seq === undefined ? undefined : eventCursor(runScope(run_id), seq, at),
      })),
    )
  const deliver = async (events: LogEvent[]): Promise<void> => {
    for (const event of events) {
      const frames = projection.log(event)
      await send(opening === null ? frames : opening.feed(event, frames))
    }
  }
  const sync = createSync(context, thread_id, () => !projection.ended && projection.waiting_since === null)

  /** Looked at only when the log has been read to its end: an earlier wait may be long over. */
  const suspend = async (): Promise<void> => {
    if (options.ends_on_wait && (projection.waiting_since ?? 0) > over_until) await send(projection.suspend())
  }

  const told = start.from === 'told'
  const log = createLogReader(context, { thread_id, run_id, after_seq: told ? start.seq - 1 : 0, signal: sink.signal, deliver })
  try {
    let there = told || (await log.catchUp())
    const end = projection.ended || options.fresh === true ? null : await toldEnd(context, thread_id, run_id)
    if (end !== null) {
      // It may have ended after the log was read; else the log does not tell it.
      there = await log.catchUp()
      await deliver([end])
    }
    const rest = opening.finish(projection.ended)
    opening = null
    await send(rest)
    await suspend()
    if (!told) sync()
    if (!there) return
    const live: Live = {
      behind: projection.behind,
      show: (frame) => send(projection.live(frame)),
      takeGap: projection.takeGap,
      sync,
    }
    await follow({ inbox, log, signal: sink.signal, over: () => projection.ended, live, afterEach: suspend })
  } finally {
    inbox.close()
  }
}
