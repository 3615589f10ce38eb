import type { Webhook } from './definition.ts'

const LONGEST_PAUSE_MS = 4 * 3_600_000

/** When a delivery is tried again after its `attempts`-th try has failed at `now`; null when it is given up. All in ms. */
export function nextTry(
  { first_ms, give_up_ms }: Pick<Webhook, 'first_ms' | 'give_up_ms'>,
  { attempts, created_at, now }: { attempts: number; created_at: number; now: number },
): number | null {
  const at = now + Math.min(LONGEST_PAUSE_MS, first_ms * 2 ** Math.min(30, attempts - 1))
  return at > created_at + give_up_ms ? null : at
}
