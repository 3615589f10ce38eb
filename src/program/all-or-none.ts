export type Beginning<T> = { begin: (signal: AbortSignal) => Promise<T>; end: (value: T) => Promise<unknown> | void }

/** Something that takes a while to begin, and how to undo it. */
export function beginning<T>(
  begin: (signal: AbortSignal) => Promise<T>,
  end: (value: T) => Promise<unknown> | void,
): Beginning<T> {
  return { begin, end }
}

/**
 * Begins several things side by side and resolves with all of them. If one fails the others are told to give up,
 * those that have begun are ended, and the first failure is thrown.
 */
export async function allOrNone<T extends unknown[]>(
  signal: AbortSignal,
  beginnings: { [K in keyof T]: Beginning<T[K]> },
): Promise<T> {
  const giveUp = new AbortController()
  const either = AbortSignal.any([signal, giveUp.signal])
  let failed = false
  let failure: unknown
  const results = await Promise.allSettled(
    beginnings.map(async ({ begin }) => {
      try {
        return await begin(either)
      } catch (error) {
        if (!failed) failure = error
        failed = true
        giveUp.abort(error)
        throw error
      }
    }),
  )
  if (!failed && signal.aborted) {
    failed = true
    failure = signal.reason
  }
  if (!failed) return results.map((result) => (result.status === 'fulfilled' ? result.value : undefined)) as T
  for (const [index, result] of results.entries()) {
    // A failure to end must not hide why the start failed.
    if (result.status === 'fulfilled') await Promise.resolve(beginnings[index]?.end(result.value as never)).catch(() => {})
  }
  throw failure
}
