import type { LogEvent } from '../../thread/envelope.ts'
import { eventCursor } from '../cursors.ts'
import type { HttpContext } from '../options.ts'
import { createSync, follow, type Live } from './follow.ts'
import type { Inbox } from './inbox.ts'
import { createLogReader, patiently } from './log-reader.ts'
import { createRunProjection } from './native-events.ts'
import { createOpening } from './opening.ts'
import type { FrameSink } from './sse.ts'
import { createThreadRuns, type OfRun } from './thread-runs.ts'

/** `join`: with the open run's open step, if there is one; `start`: with the thread's first run; `after`: behind a cursor. */
export type ThreadStreamStart = { from: 'join' | 'start' } | { from: 'after'; seq: number }
export type ThreadStreamOptions = {
  thread_id: string
  start: ThreadStreamStart
  /** Opened before the thread was looked up, so that nothing falls between. Closed at the end. */
  inbox: Inbox
}

const PAGE = 200

/** Scope of the cursors on a thread's streams and events. */
export function threadScope(thread_id: string): string {
  return `thread:${thread_id}`
}

/**
 * Writes the native events of all runs of a thread, each with its `run_id`: from where the reader comes in, then as they
 * come, between runs too, until the thread is deleted, the reader goes or the service closes.
 */
export async function streamThread(context: HttpContext, options: ThreadStreamOptions, sink: FrameSink): Promise<void> {
  const { thread_id, start, inbox } = options
  const parents = new Map<string, string | null>()
  const runs = createThreadRuns((event) => parents.get(event.run_id ?? '') ?? null)

  const cursor = (seq: number, at?: number): string => eventCursor(threadScope(thread_id), seq, at)
  const send = (frames: readonly OfRun[]): Promise<void> =>
    sink.send(
      frames.map(({ event, run_id, seq, at }) => ({
        data: { ...event, run_id },
        id: seq === undefined ? undefined : cursor(seq, at),
      })),
    )
  const deliver = async (events: LogEvent[]): Promise<void> => {
    for (const event of events) {
      if (event.kind === 'RunStarted' && !runs.knows(event.run_id)) await noteParent(event)
      await send(runs.log(event))
    }
  }
  /** Of a run that was queued before this reader came. */
  const noteParent = async ({ run_id }: LogEvent): Promise<void> => {
    if (run_id === null || start.from === 'start') return
    parents.clear()
    const run = await context.store.conversation.getRun(context.tenant, run_id, thread_id).catch(() => null)
    parents.set(run_id, run?.parent_run_id ?? null)
  }
  const sync = createSync(context, thread_id, () => runs.working)

  /** Brings the run that was open at this number to where it was then; the frames that a joining reader gets of it. */
  const takeIn = async (seq: number): Promise<OfRun[]> => {
    const ref = { tenant: context.tenant, thread_id }
    const run_id = await patiently(sink.signal, () => context.store.conversation.runStartedBefore(ref, seq))
    if (run_id === null) return []
    const projection = createRunProjection(run_id, { ends_on_wait: false })
    const opening = createOpening({ from: 'join' })
    for await (const event of eventsOf(context, { thread_id, run_id, through_seq: seq }, sink.signal))
      opening.feed(event, projection.log(event))
    if (projection.ended) return []
    runs.add(run_id, projection)
    return opening.finish(false).map((frame) => ({ ...frame, run_id }))
  }

  try {
    const from = start.from === 'after' ? start.seq : start.from === 'start' ? 0 : await lastSeq(context, thread_id, sink.signal)
    const opening = from === 0 ? [] : await takeIn(from)
    if (start.from === 'join') {
      await send(opening)
      // Nothing need have come yet for the reader to be able to come back.
      await sink.send([{ id: cursor(from) }])
    }
    const log = createLogReader(context, { thread_id, after_seq: from, signal: sink.signal, deliver })
    const there = await log.catchUp()
    sync()
    if (!there) return
    const live: Live = { behind: runs.behind, show: (frame) => send(runs.live(frame)), takeGap: runs.takeGap, sync }
    await follow({ inbox, log, signal: sink.signal, live })
  } finally {
    inbox.close()
  }
}

async function lastSeq(context: HttpContext, thread_id: string, signal: AbortSignal): Promise<number> {
  const query = { thread_id, after_seq: Number.MAX_SAFE_INTEGER, limit: 1 }
  const read = await patiently(signal, () => context.store.conversation.listEvents(context.tenant, query))
  return read?.last_seq ?? 0
}

async function* eventsOf(
  context: HttpContext,
  { thread_id, run_id, through_seq }: { thread_id: string; run_id: string; through_seq: number },
  signal: AbortSignal,
): AsyncGenerator<LogEvent> {
  for (let after_seq = 0; ;) {
    const query = { thread_id, run_id, after_seq, limit: PAGE }
    const read = await patiently(signal, () => context.store.conversation.listEvents(context.tenant, query))
    for (const event of read?.events ?? []) {
      if (event.event_seq > through_seq) return
      yield event
    }
    const last = read?.events.at(-1)
    if (read === null || last === undefined || read.events.length < PAGE) return
    after_seq = last.event_seq
  }
}
