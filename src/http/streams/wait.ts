import { setTimeout as sleep } from 'node:timers/promises'
import { NotAuthenticated } from '../../auth/principal.ts'
import type { RunRecord } from '../../thread/records.ts'
import type { HttpContext } from '../options.ts'
import { HttpProblem } from '../problems.ts'
import type { Inbox } from './inbox.ts'
import { watchReader, type ReaderWatch } from './watch-reader.ts'

export type WaitOptions = {
  thread_id: string
  run_id: string
  /** Listening since before the run was looked up. */
  inbox: Inbox
  until: (run: RunRecord) => boolean
  /** In ms; absent: as long as the caller stays. */
  timeout_ms?: number
  /** Records that do not show this event yet are too old to judge by. */
  min_seq?: number
  gone: AbortSignal
}

/**
 * The run's record once it fulfils `until`, or null when the time is up, the caller has gone or the service closes.
 * Throws `run_not_found` once the thread is deleted, and `NotAuthenticated` once the caller may not read any more.
 */
export async function waitForRun(context: HttpContext, options: WaitOptions): Promise<RunRecord | null> {
  const reader = watchReader(context)
  const close = (): void => {
    options.inbox.close()
  }
  reader.signal.addEventListener('abort', close, { once: true })
  try {
    const run = await waited(context, options, reader)
    if (!reader.revoked()) return run
    throw new NotAuthenticated('invalid', 'What you called with is no longer valid; the run goes on.')
  } finally {
    reader.stop()
    reader.signal.removeEventListener('abort', close)
  }
}

async function waited(context: HttpContext, options: WaitOptions, reader: ReaderWatch): Promise<RunRecord | null> {
  const { thread_id, run_id, inbox, until, min_seq = 0, gone } = options
  const deadline = options.timeout_ms === undefined ? Infinity : Date.now() + options.timeout_ms
  let stored = min_seq === 0
  let more = true
  for (;;) {
    const left = deadline - Date.now()
    if (left <= 0 || gone.aborted || reader.signal.aborted) return null
    const run = await context.store.conversation.getRun(context.tenant, run_id, thread_id)
    stored ||= run !== null && inbox.lastSeq() >= min_seq
    if (run !== null && stored && until(run)) return run
    // Nothing is told of a thread that was deleted, perhaps before what was waited for could be read.
    if (run === null && (stored || !more)) throw runGone()
    if (!more) return null
    if (!stored && (await storedSeq(context, thread_id)) >= min_seq) stored = true
    else more = await newEvents(inbox, Math.min(context.limits.poll_ms, left))
  }
}

function runGone(): HttpProblem {
  return new HttpProblem('run_not_found', 'The run is gone: its thread was deleted meanwhile.')
}

/**
 * Waits until the event with this number can be read, at most until `deadline`: an answer is given all the same when
 * the store is behind.
 */
export async function waitUntilStored(
  context: HttpContext,
  { thread_id, event_seq, deadline, inbox }: { thread_id: string; event_seq: number; deadline: number; inbox: Inbox },
): Promise<void> {
  let pause = 20
  while (inbox.lastSeq() < event_seq) {
    // The bus may have lost the word of it; the store knows, unless it is away, and then it does not even say so in time.
    const known = storedSeq(context, thread_id).catch(() => 0)
    const seq = await Promise.race([known, sleep(Math.max(0, deadline - Date.now()), 0, { ref: false })])
    if (seq >= event_seq || Date.now() >= deadline) return
    if ((await inbox.take(Math.min(pause, deadline - Date.now()))) === 'closed') return
    pause = Math.min(200, pause * 2)
  }
}

async function storedSeq(context: HttpContext, thread_id: string): Promise<number> {
  const { last_seq } = await context.store.conversation.listEvents(context.tenant, {
    thread_id,
    after_seq: Number.MAX_SAFE_INTEGER,
    limit: 1,
  })
  return last_seq
}

/** True after new events or a pause; false when nothing more will come. Deltas do not count. */
async function newEvents(inbox: Inbox, timeout_ms: number): Promise<boolean> {
  const deadline = Date.now() + timeout_ms
  for (;;) {
    const frame = await inbox.take(Math.max(0, deadline - Date.now()))
    if (frame === 'closed') return false
    if (frame === 'idle' || frame === 'lost' || frame.type === 'events') return true
  }
}
