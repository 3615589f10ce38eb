import type { LiveFrame } from '../../live/bus.ts'
import type { HttpContext } from '../options.ts'
import type { Inbox } from './inbox.ts'
import type { LogReader } from './log-reader.ts'

type StepFrame = Extract<LiveFrame, { run_id: string }>

/** What a stream does with what is not in the log: the words of an open step. */
export type Live = {
  /** The log must be read before this frame can be placed. */
  behind(frame: StepFrame): boolean
  show(frame: StepFrame): Promise<void>
  /** True once after live frames of an open run were lost. */
  takeGap(): boolean
  sync(): void
}
export type Following = {
  inbox: Inbox
  log: LogReader
  signal: AbortSignal
  /** Nothing more will come. */
  over?: () => boolean
  /** Without it only events of the log are followed. */
  live?: Live
  /** After each thing that came. */
  afterEach?: () => Promise<void>
}

/** Follows a thread from the end of its log on, until it is over, the thread is gone, the reader goes or the service closes. */
export async function follow({ inbox, log, signal, over = () => false, live, afterEach }: Following): Promise<void> {
  let there = true
  while (there && !over() && !signal.aborted) {
    const frame = await inbox.take()
    if (frame === 'closed') return
    if (frame === 'idle') continue
    if (frame === 'lost') {
      there = await log.catchUp()
      live?.sync()
    } else if (frame.type === 'events') there = await log.take(frame)
    else if (live !== undefined) {
      if (live.behind(frame)) there = await log.catchUp()
      await live.show(frame)
      if (live.takeGap()) live.sync()
    }
    await afterEach?.()
  }
}

/** Lost live frames are asked for again at most this often, in ms. */
const SYNC_PAUSE_MS = 500

/** Asks whoever writes an open step for all of it so far, now and then; `working`: somebody may be writing one. */
export function createSync({ bus, tenant }: HttpContext, thread_id: string, working: () => boolean): () => void {
  let synced_at = 0
  return () => {
    const now = Date.now()
    if (!working() || now - synced_at < SYNC_PAUSE_MS) return
    synced_at = now
    bus.publish(tenant, { type: 'sync', thread_id })
  }
}
