import { setImmediate } from 'node:timers/promises'
import type { Response } from 'express'
import type { JsonObject } from '../../thread/json.ts'
import type { HttpContext } from '../options.ts'
import { drained } from './sse.ts'

/** The writing end of an answer of JSON lines. */
export interface LineSink {
  /** Fires when the reader has gone or the service closes. */
  readonly signal: AbortSignal
  /** Resolves when there is room for more, so whoever awaits it never piles up memory. */
  write(lines: readonly JsonObject[]): Promise<void>
}

/** Writes an answer of lines. One that cannot be completed ends without its proper end, so that no reader takes it for whole. */
export async function writeLines(
  res: Response,
  answer: { type: string; headers?: Record<string, string>; run: (sink: LineSink) => Promise<void> },
  { limits, closing, log }: Pick<HttpContext, 'limits' | 'closing' | 'log'>,
): Promise<void> {
  const gone = new AbortController()
  const leave = (): void => {
    gone.abort()
  }
  res.on('close', leave).on('error', leave)
  const signal = AbortSignal.any([gone.signal, closing])
  res.status(200).set({ 'Content-Type': answer.type, 'Cache-Control': 'no-store', ...answer.headers })
  const write = async (lines: readonly JsonObject[]): Promise<void> => {
    for (const line of lines) {
      signal.throwIfAborted()
      if (!res.write(`${JSON.stringify(line)}\n`)) await drained(res, signal, limits.stall_ms)
    }
  }
  try {
    await answer.run({ signal, write })
    signal.throwIfAborted()
  } catch (error) {
    if (!signal.aborted) log.warn({ err: error }, 'an answer was cut off')
    // What was written gets out first: a reader should hear that the answer is cut off, not that there was none.
    await setImmediate()
    res.destroy()
  }
}
