import { once } from 'node:events'
import type { Response } from 'express'
import type { HttpLimits } from '../options.ts'

/** One server-sent event: `data` as one line of JSON, `id` a cursor to come back with; with an `id` alone the reader only notes it. */
export type SseFrame = { data?: object; id?: string | undefined }

/** The writing end of an open stream. */
export interface FrameSink {
  /** Fires when the reader has gone or the service closes. */
  readonly signal: AbortSignal
  /**
   * Writes frames and resolves when there is room for more, so whoever awaits it never piles up memory. A reader that
   * takes nothing for `stall_ms` is cut off.
   */
  send(frames: readonly SseFrame[]): Promise<void>
}

/** A long frame is written piece by piece, so that a reader who takes little by little is seen to take something. */
const PIECE_UNITS = 16 * 1024
/** Each stream ends so, and an error of its own with its stack would take 0.1 ms. */
const GONE = new DOMException('The stream is closed.', 'AbortError')

/** Text of one frame. JSON holds no line breaks, so one data line is enough. */
export function formatFrame(frame: SseFrame): string {
  const id = frame.id === undefined ? '' : `id: ${frame.id}\n`
  return frame.data === undefined ? `${id}\n` : `${id}data: ${JSON.stringify(frame.data)}\n\n`
}

/** Sends the head of an event stream and keeps it alive with comments. The caller ends the response. */
export function openSse(
  res: Response,
  headers: Record<string, string>,
  limits: Pick<HttpLimits, 'heartbeat_ms' | 'stall_ms'>,
  closing: AbortSignal,
): FrameSink {
  const gone = new AbortController()
  const signal = AbortSignal.any([gone.signal, closing])
  res.status(200).set({
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-cache, no-transform',
    // Proxies that buffer would hold frames back.
    'X-Accel-Buffering': 'no',
    ...headers,
  })
  res.flushHeaders()
  let inFrame = false
  const heartbeat = setInterval(() => {
    if (!inFrame && !res.writableNeedDrain) res.write(': still here\n\n')
  }, limits.heartbeat_ms)
  res.on('error', () => {
    gone.abort(GONE)
  })
  res.on('close', () => {
    clearInterval(heartbeat)
    gone.abort(GONE)
  })
  return {
    signal,
    async send(frames) {
      for (const frame of frames) {
        const text = formatFrame(frame)
        inFrame = true
        for (let from = 0; from < text.length; from += PIECE_UNITS) {
          if (signal.aborted) break
          if (res.write(text.slice(from, from + PIECE_UNITS))) continue
          await drained(res, signal, limits.stall_ms)
        }
        inFrame = false
      }
    },
  }
}

/** Waits for room; a reader that takes nothing for `stall_ms` is cut off. */
export async function drained(res: Response, signal: AbortSignal, stall_ms: number): Promise<void> {
  const stalled = AbortSignal.timeout(stall_ms)
  try {
    await once(res, 'drain', { signal: AbortSignal.any([signal, stalled]) })
  } catch {
    if (stalled.aborted) res.destroy()
  }
}
