import type { EventKind } from '../../thread/event.ts'
import type { HttpContext } from '../options.ts'
import { presentEvent } from '../present.ts'
import { follow } from './follow.ts'
import type { Inbox } from './inbox.ts'
import { createLogReader } from './log-reader.ts'
import type { FrameSink } from './sse.ts'

export type EventStreamOptions = {
  thread_id: string
  /** Only this run's events; the stream then ends with the run. */
  run_id?: string | undefined
  /** Only events of these kinds. */
  kinds?: readonly EventKind[] | undefined
  after_seq: number
  /** Scope of the cursors that the frames carry. */
  scope: string
  inbox: Inbox
}

const ENDS: readonly EventKind[] = ['RunFinished', 'RunErrored']

/** Writes canonical events after a number, then follows, until the run ends, the thread is deleted or the reader goes. */
export async function streamEvents(context: HttpContext, options: EventStreamOptions, sink: FrameSink): Promise<void> {
  const { thread_id, run_id, kinds, after_seq, scope, inbox } = options
  let ended = false
  const log = createLogReader(context, {
    thread_id,
    run_id,
    // The end of the run ends the stream, whether or not it is shown.
    kinds: kinds !== undefined && run_id !== undefined ? [...kinds, ...ENDS] : kinds,
    after_seq,
    signal: sink.signal,
    async deliver(events) {
      ended ||= run_id !== undefined && events.some(({ kind }) => ENDS.includes(kind))
      for (const event of events) {
        if (kinds?.includes(event.kind) === false) continue
        const data = presentEvent(event, scope)
        await sink.send([{ data, id: data['cursor'] as string }])
      }
    },
  })
  try {
    let there = await log.catchUp()
    if (!ended && run_id !== undefined && (await hasEnded(context, run_id, thread_id))) {
      // What it has written since the log was read; its end itself may have been dropped for its age.
      there = await log.catchUp()
      ended = true
    }
    if (there) await follow({ inbox, log, signal: sink.signal, over: () => ended })
  } finally {
    inbox.close()
  }
}

/** For a cursor that stands behind the run's end, and a log that does not tell it any more: nothing will come. */
async function hasEnded(context: HttpContext, run_id: string, thread_id: string): Promise<boolean> {
  const run = await context.store.conversation.getRun(context.tenant, run_id, thread_id).catch(() => null)
  return run?.status === 'done'
}
