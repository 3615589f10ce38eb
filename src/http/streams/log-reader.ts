import { setTimeout as delay } from 'node:timers/promises'
import type { LiveFrame } from '../../live/bus.ts'
import { StoreUnavailable } from '../../store/store.ts'
import type { LogEvent } from '../../thread/envelope.ts'
import type { EventKind } from '../../thread/event.ts'
import type { HttpContext } from '../options.ts'

/** Reads one thread's log in order, each event once, from the store or from what the bus brought. */
export interface LogReader {
  /** Reads to the log's end. While the store is away it waits for it. False: the thread is gone. */
  catchUp(): Promise<boolean>
  /** Takes the events of a frame if they follow on, else reads the log. False: the thread is gone. */
  take(frame: Extract<LiveFrame, { type: 'events' }>): Promise<boolean>
}

export type LogReaderOptions = {
  thread_id: string
  /** Only this run's events. */
  run_id?: string | undefined
  /** Only events of these kinds. */
  kinds?: readonly EventKind[] | undefined
  after_seq: number
  signal: AbortSignal
  /** Gets events in order; its promise holds up the reading, so a slow reader is not read ahead of. */
  deliver: (events: LogEvent[]) => Promise<void>
}

const PAGE = 200
const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 3_000

/** Asks the store again and again while it is away; null once the signal has fired. */
export async function patiently<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T | null> {
  for (let pause = RETRY_MIN_MS; !signal.aborted; pause = Math.min(RETRY_MAX_MS, pause * 2)) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      await delay(pause, undefined, { signal }).catch(() => {})
    }
  }
  return null
}

export function createLogReader(context: Pick<HttpContext, 'store' | 'tenant'>, options: LogReaderOptions): LogReader {
  const { thread_id, run_id, kinds, signal, deliver } = options
  const of = { ...(run_id === undefined ? {} : { run_id }), ...(kinds === undefined ? {} : { kinds }) }
  const isWanted = (event: LogEvent): boolean =>
    (run_id === undefined || event.run_id === run_id) && (kinds === undefined || kinds.includes(event.kind))
  /** Everything up to this number has been looked at. */
  let seen = options.after_seq

  async function page(): Promise<{ events: LogEvent[]; last_seq: number; kept_from: number } | null> {
    const query = { thread_id, ...of, after_seq: seen, limit: PAGE }
    return await patiently(signal, () => context.store.conversation.listEvents(context.tenant, query))
  }

  async function pass(events: LogEvent[]): Promise<void> {
    const last = events.at(-1)
    if (last === undefined) return
    // First, so that nothing is delivered twice should delivery fail half way.
    seen = Math.max(seen, last.event_seq)
    await deliver(events)
  }

  async function catchUp(): Promise<boolean> {
    for (;;) {
      const read = await page()
      if (read === null) return true
      // A number that went back: the thread was deleted or the store restored. Nothing follows on from here.
      if (read.last_seq < seen) return false
      // What would come next was dropped for its age while this reader was on its way.
      if (seen > 0 && seen < read.kept_from - 1) return false
      await pass(read.events)
      if (read.events.length < PAGE) {
        // What others were about has been looked at with it.
        seen = Math.max(seen, read.last_seq)
        return true
      }
    }
  }

  return {
    catchUp,
    async take(frame) {
      if (frame.last_seq <= seen) return true
      const first = frame.events?.[0]
      if (frame.events === undefined || first === undefined || first.event_seq > seen + 1) return await catchUp()
      const fresh = frame.events.filter((event) => event.event_seq > seen)
      const mine = fresh.filter(isWanted)
      seen = Math.max(seen, fresh.at(-1)?.event_seq ?? seen)
      if (mine.length > 0) await deliver(mine)
      return true
    },
  }
}
