import type { LiveBus, LiveFrame } from '../../live/bus.ts'
import type { Turns } from './turns.ts'

/** Frames that concern readers. */
export type ReaderFrame = Exclude<LiveFrame, { type: 'sync' | 'missed' }>
/** What a reader takes next: a frame; `lost`: frames were dropped or missed, read the log; `idle`: nothing came in time. */
export type Received = ReaderFrame | 'lost' | 'idle' | 'closed'

/** Frames of one thread that wait for their reader, bounded in number and size. */
export interface Inbox {
  /** Waits at most `timeout_ms`, or as long as it takes. */
  take(timeout_ms?: number): Promise<Received>
  /** The highest `last_seq` that any frame told of, taken or not. */
  lastSeq(): number
  /** Puts a frame in as if the bus had brought it. */
  tell(frame: ReaderFrame): void
  close(): void
}

const MAX_FRAMES = 2_000
const MAX_UNITS = 1_000_000

/** Listens from this moment on; `signal` closes it. A reader is woken in its turn, or at once where nothing is said of turns. */
export function openInbox(
  bus: LiveBus,
  tenant: string,
  thread_id: string,
  signal: AbortSignal,
  turns: Turns = (call) => call(),
): Inbox {
  let frames: ReaderFrame[] = []
  let units = 0
  let lost = false
  let last_seq = 0
  let closed = signal.aborted
  let wake: (() => void) | null = null
  let waking = false

  function tell(frame: ReaderFrame): void {
    if (closed) return
    if (frame.type === 'events') last_seq = Math.max(last_seq, frame.last_seq)
    frames.push(frame)
    units += sizeOf(frame)
    if (frames.length > MAX_FRAMES || (units > MAX_UNITS && units - largest() > MAX_UNITS)) {
      // The reader is slow: what it misses live it finds in the log.
      lose()
    }
    wakeSoon()
  }
  function wakeSoon(): void {
    if (wake === null || waking) return
    waking = true
    turns(() => {
      waking = false
      wake?.()
    })
  }
  /** One frame may be larger than all others may be together: the whole of a long step, for somebody who has just come. */
  function largest(): number {
    return frames.reduce((most, frame) => Math.max(most, sizeOf(frame)), 0)
  }
  function lose(): void {
    frames = []
    units = 0
    lost = true
  }
  const unsubscribe = bus.subscribe(tenant, thread_id, (frame) => {
    if (frame.type === 'sync') return
    if (frame.type !== 'missed') {
      tell(frame)
      return
    }
    lose()
    wakeSoon()
  })

  function close(): void {
    closed = true
    unsubscribe()
    frames = []
    wake?.()
  }
  signal.addEventListener('abort', close, { once: true })

  function next(): Received | null {
    if (closed) return 'closed'
    if (lost) {
      lost = false
      return 'lost'
    }
    const frame = frames.shift()
    if (frame === undefined) return null
    units -= sizeOf(frame)
    return frame
  }

  return {
    async take(timeout_ms) {
      const now = next()
      if (now !== null) return now
      await new Promise<void>((resolve) => {
        const timer = timeout_ms === undefined ? undefined : setTimeout(resolve, timeout_ms)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      wake = null
      return next() ?? 'idle'
    },
    lastSeq: () => last_seq,
    tell,
    close() {
      signal.removeEventListener('abort', close)
      close()
    },
  }
}

/** Rough, in UTF-16 units: enough to bound memory. */
function sizeOf(frame: ReaderFrame): number {
  switch (frame.type) {
    case 'delta':
      return frame.delta.length + 100
    case 'tool_call_delta':
      return frame.args_delta.length + 100
    case 'events':
      return 200 + (frame.events ?? []).reduce((sum, event) => sum + contentUnits(event.payload), 400)
    default:
      return 200
  }
}

function contentUnits(payload: object): number {
  let units = 0
  for (const value of Object.values(payload) as unknown[]) {
    units += typeof value === 'string' ? value.length : typeof value === 'object' && value !== null ? contentUnits(value) : 8
  }
  return units
}
