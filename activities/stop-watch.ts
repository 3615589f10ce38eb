import type { Context } from '@temporalio/activity'
import type { LiveFrame } from '../src/live/bus.ts'
import type { ActivityDeps } from './deps.ts'

export type StopWatch = {
  /** Fires once the activity must stop, for whatever reason. */
  signal: AbortSignal
  /** True when somebody asked the run to stop or its time is up; false for a worker's shutdown, a lost heartbeat and the like. */
  requested(): boolean
  /** From `at` (ms) on the activity must stop, because the run's time is up. */
  expireAt(at: number): void
  /** True when the time was up before anybody asked. */
  expired(): boolean
  /** Settles with the promise, or rejects with a Stopped as soon as the activity must stop. */
  race<T>(promise: PromiseLike<T>): Promise<T>
  /** What to throw when the stop was not requested: Temporal's own failure. */
  failure(): unknown
  /** From now on it is this activity that heartbeats and may be cancelled. */
  attach(activity: Context): void
  /** Nobody wants it any more. */
  abandon(): void
  close(): void
}
/** Thrown by `race` and `sleep`; never leaves an activity. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}

const MIN_HEARTBEAT_MS = 200
const MAX_HEARTBEAT_MS = 1_000
const MAX_TIMER_MS = 2_147_483_647
/** How far back the log is read when the bus tells of events without carrying them. */
const HINT_LOOK_BACK = 50

/**
 * Heartbeats for its activity until closed, and listens for the two ways to stop: Temporal's cancellation, which comes
 * with a heartbeat, and the abort hint: the run's RunInterrupted event on the live bus, which is there in milliseconds.
 */
export function watchStop(
  deps: Pick<ActivityDeps, 'bus' | 'store' | 'settings'>,
  ref: { tenant: string; thread_id: string; run_id: string },
): StopWatch {
  let context: Context | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false
  const controller = new AbortController()
  let hinted = false
  let expired = false
  let deadline: NodeJS.Timeout | undefined
  const stop = (): void => {
    controller.abort(new Stopped('the activity must stop'))
  }
  const hint = (): void => {
    hinted = true
    stop()
  }
  const period = Math.min(Math.max(deps.settings.heartbeat_timeout_ms / 10, MIN_HEARTBEAT_MS), MAX_HEARTBEAT_MS)
  const unsubscribe = deps.bus.subscribe(ref.tenant, ref.thread_id, (frame) => {
    if (frame.type === 'events') void isHint(deps, ref, frame).then((yes) => (yes ? hint() : undefined))
  })
  const stopped = new Promise<never>((_, reject) => {
    const fail = (): void => {
      reject(new Stopped('the activity must stop'))
    }
    controller.signal.addEventListener('abort', fail, { once: true })
    if (controller.signal.aborted) fail()
  })
  stopped.catch(() => undefined)
  return {
    signal: controller.signal,
    expireAt: (at) => {
      deadline = setTimeout(
        () => {
          expired = !controller.signal.aborted
          stop()
        },
        Math.max(0, Math.min(at - Date.now(), MAX_TIMER_MS)),
      )
    },
    expired: () => expired,
    requested: () => hinted || expired || context?.cancellationDetails?.cancelRequested === true,
    race: (promise) => Promise.race([stopped, promise]),
    failure: () => context?.cancellationSignal.reason as unknown,
    attach: (activity) => {
      context = activity
      if (closed) return
      activity.heartbeat()
      timer = setInterval(() => activity.heartbeat(), period)
      activity.cancellationSignal.addEventListener('abort', stop, { once: true })
      if (activity.cancellationSignal.aborted) stop()
    },
    abandon: stop,
    close: () => {
      closed = true
      clearInterval(timer)
      clearTimeout(deadline)
      unsubscribe()
      context?.cancellationSignal.removeEventListener('abort', stop)
    },
  }
}

async function isHint(
  { store }: Pick<ActivityDeps, 'store'>,
  ref: { tenant: string; thread_id: string; run_id: string },
  frame: Extract<LiveFrame, { type: 'events' }>,
): Promise<boolean> {
  const { tenant, thread_id, run_id } = ref
  try {
    const after_seq = Math.max(frame.last_seq - HINT_LOOK_BACK, 0)
    const events =
      frame.events ??
      (await store.conversation.listEvents(tenant, { thread_id, run_id, after_seq, limit: HINT_LOOK_BACK })).events
    return events.some((event) => event.kind === 'RunInterrupted' && event.run_id === run_id)
  } catch {
    // Only a hint: Temporal's own cancellation follows.
    return false
  }
}
