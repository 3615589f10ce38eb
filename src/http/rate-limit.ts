import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { HttpProblem } from './problems.ts'

/** Counts requests, each caller for themselves, in this process. */
export type RateLimit = {
  /** Throws `rate_limited` once a caller has used up their requests of this minute. */
  take(caller: string): Promise<void>
}

/** `per_minute` 0: without a limit. */
export function createRateLimit(per_minute: number): RateLimit {
  if (per_minute === 0) return { take: () => Promise.resolve() }
  const limiter = new RateLimiterMemory({ points: per_minute, duration: 60 })
  return {
    async take(caller) {
      try {
        await limiter.consume(caller)
      } catch (error) {
        if (!(error instanceof RateLimiterRes)) throw error
        const seconds = String(Math.max(1, Math.ceil(error.msBeforeNext / 1000)))
        const detail = `More than ${String(per_minute)} requests in a minute; try again in ${seconds} s.`
        throw new HttpProblem('rate_limited', detail, {}, { 'Retry-After': seconds })
      }
    },
  }
}
