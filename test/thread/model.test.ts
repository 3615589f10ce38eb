import { expect, test } from 'vitest'
import { firstFailure } from './model/run.ts'

/**
 * Random lives of a thread beside a naive model of its mailbox. `WEFT_SEED` begins with another life (with
 * `WEFT_LIVES=1` it is the only one), `WEFT_LIVES` says how many.
 */
const SEED = Number(process.env['WEFT_SEED'] ?? 1)
const LIVES = Number(process.env['WEFT_LIVES'] ?? 10_000)

test('the core does with every message what the naive model says', { timeout: 60_000 + LIVES * 20 }, () => {
  const failure = firstFailure(SEED, LIVES)
  if (failure === null) return
  const { seed, length, error, trace } = failure
  expect.fail(
    `life ${String(seed)} (WEFT_SEED=${String(seed)} WEFT_LIVES=1), cut to ${String(length)} steps: ${error}\n${trace.join('\n')}`,
  )
})
