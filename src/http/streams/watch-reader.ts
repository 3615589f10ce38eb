import type { HttpContext } from '../options.ts'

export type ReaderWatch = {
  /** Fires when the service closes, or when the reader may read no more. */
  signal: AbortSignal
  /** The reader's key or token is no longer good. */
  revoked(): boolean
  stop(): void
}

/** Asks again and again whether who reads may still read: what is open for long outlives the look at its beginning. */
export function watchReader({ auth, principal, closing, limits }: HttpContext): ReaderWatch {
  const over = new AbortController()
  const timer = setInterval(() => {
    // A store that is away says nothing about the reader.
    void auth.stillHolds(principal).then(
      (holds) => (holds ? undefined : over.abort()),
      () => undefined,
    )
  }, limits.recheck_ms)
  return {
    signal: AbortSignal.any([closing, over.signal]),
    revoked: () => over.signal.aborted,
    stop: () => {
      clearInterval(timer)
    },
  }
}
