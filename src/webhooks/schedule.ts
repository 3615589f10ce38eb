/** Pauses in ms. */
export type RetrySettings = {
  /** Before the second try; doubled each time, up to 4 h. */
  first_ms: number
  /** A delivery that is older than this is given up. */
  give_up_ms: number
}

const LONGEST_PAUSE_MS = 4 * 3_600_000

/** When a delivery is tried again after its `attempts`-th try has failed at `now`; null when it is given up. All in ms. */
export function nextTry(
  { first_ms, give_up_ms }: RetrySettings,
  { attempts, created_at, now }: { attempts: number; created_at: number; now: number },
): number | null {
  const at = now + Math.min(LONGEST_PAUSE_MS, first_ms * 2 ** Math.min(30, attempts - 1))
  return at > created_at + give_up_ms ? null : at
}
