import { createHash } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { thread } from '../../workflows/thread.ts'
import { problems } from './support/invariants.ts'
import { Simulation } from './support/simulation.ts'

vi.mock('@temporalio/workflow', () => import('./support/fake-workflow.ts'))

/**
 * The thread's workflow, as it is, on a fake engine with a virtual clock: lost tasks, dead workers, terminations, a
 * store that is away or answers too late, repeated commands, garbage. `WEFT_SEED` begins with another life (with
 * `WEFT_LIVES=1` it is the only one, and its log is printed), `WEFT_LIVES` says how many.
 */
const SEED = Number(process.env['WEFT_SEED'] ?? 1)
const LIVES = Number(process.env['WEFT_LIVES'] ?? 1_000)

async function live(seed: number): Promise<Simulation> {
  const life = new Simulation(seed, thread)
  await life.live().catch((error: unknown) => {
    throw new Error(`life ${String(seed)}: ${String(error)}\n${life.lines.slice(-40).join('\n')}`)
  })
  return life
}

const digest = (lines: string[]): string => createHash('sha256').update(lines.join('\n')).digest('hex')

test(
  'whatever happens to the engine and the store, the thread keeps its promises',
  { timeout: 60_000 + LIVES * 200 },
  async () => {
    console.log(`WEFT_SEED=${String(SEED)} WEFT_LIVES=${String(LIVES)}`)
    const all = createHash('sha256')
    let events = 0
    for (let seed = SEED; seed < SEED + LIVES; seed++) {
      const life = await live(seed)
      if (LIVES === 1) console.log(life.lines.join('\n'))
      expect({ seed, wrong: problems(life) }).toEqual({ seed, wrong: [] })
      events += life.store.last_seq
      all.update(digest(life.lines))
    }
    console.log(`${String(LIVES)} lives, ${String(events)} events, digest ${all.digest('hex')}`)
  },
)

test('the same seed gives the same log, byte for byte', { timeout: 60_000 }, async () => {
  for (let seed = SEED; seed < SEED + 30; seed++) {
    const [first, second] = [await live(seed), await live(seed)]
    expect(second.lines.join('\n')).toBe(first.lines.join('\n'))
    expect(first.lines.length).toBeGreaterThan(3)
  }
})
