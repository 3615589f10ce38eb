export type Beginning<T> = { begin: (signal: AbortSignal) => Promise<T>; end: (value: T) => Promise<unknown> | void }

/** Something that takes a while to begin, and how to undo it. */
export function beginning<T>(
  begin: (signal: AbortSignal) => Promise<T>,
  end: (value: T) => Promise<unknown> | void,
): Beginning<T> {
  return { begin, end }
}

/**
 * Begins several things side by side and resolves with all of them. If one fails, or the signal says so, the others
 * are told to give up, each that has begun is ended without waiting for the rest, and the first failure is thrown
 * when nothing is left.
 */
export async function allOrNone<T extends unknown[]>(
  signal: AbortSignal,
  beginnings: { [K in keyof T]: Beginning<T[K]> },
): Promise<T> {
  const giveUp = new AbortController()
  const either = AbortSignal.any([signal, giveUp.signal])
  const began = beginnings.map(({ begin }) => begin(either))
  const aborted = new Promise<never>((_, reject) => {
    if (either.aborted) reject(either.reason as Error)
    either.addEventListener('abort', () => reject(either.reason as Error), { once: true })
  })
  try {
    return (await Promise.race([Promise.all(began), aborted])) as T
  } catch (error) {
    giveUp.abort(error)
    const undone = began.map((value, index) => value.then((it) => beginnings[index]?.end(it as never)))
    // A failure to end must not hide why the start failed.
    await Promise.allSettled(undone)
    throw error
  }
}
