import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { eventually, startEngine, startTemporal, type Engine } from '../support/engine.ts'

/** One tenant hands in forty runs; another has one every half second. The worker can do four steps at a time. */
const BACKLOG = 40
const STEP_MS = 1_000
const SLOTS = 4
const RUNS = 5

test('a tenant with a backlog does not stand in the way of another', { timeout: 240_000 }, async () => {
  const without = await measure(false)
  const fair = await measure(true)
  console.log(JSON.stringify({ backlog: BACKLOG, step_ms: STEP_MS, slots: SLOTS, without, fair }))
  // All of its runs came while the backlog was there, or nothing was measured.
  expect(fair.left_at_end).toBeGreaterThan(0)
  // In order of their coming, whoever comes last waits for nearly everything that is there.
  expect(without.p50_ms).toBeGreaterThan(2_000)
  expect(fair.p50_ms).toBeLessThan(without.p50_ms / 2)
})

async function measure(fair: boolean): Promise<{ p50_ms: number; worst_ms: number; left_at_end: number }> {
  const server = await startTemporal({ fair })
  const engine = await startEngine({ address: server.address, cli: server.cli, activity_slots: SLOTS, timeout_ms: 60_000 })
  try {
    await run(engine, 'small', 'warm')
    const backlog: string[] = []
    let next = 0
    // A few at a time: more new workflows at once than the machine has time for would be another test.
    const lane = async (): Promise<void> => {
      for (let index = next++; index < BACKLOG; index = next++)
        backlog.push(await submit(engine, 'large', `t${String(index)}`, `/slow ${String(STEP_MS)}\nsome words`))
    }
    await Promise.all([lane(), lane(), lane(), lane(), lane()])
    const isOpen = async (run_id: string): Promise<boolean> =>
      (await engine.store.conversation.getRun('large', run_id))?.status !== 'done'
    const took: number[] = []
    const one = async (index: number): Promise<void> => {
      took.push(await run(engine, 'small', `s${String(index)}`))
    }
    const all: Promise<void>[] = []
    for (let index = 0; index < RUNS; index++) {
      all.push(one(index))
      await sleep(500)
    }
    await Promise.all(all)
    const open = await Promise.all(backlog.map(isOpen))
    await eventually(async () => ((await Promise.all(backlog.map(isOpen))).includes(true) ? undefined : true), 120_000)
    took.sort((a, b) => a - b)
    return {
      p50_ms: Math.round(took[Math.floor(took.length / 2)] ?? 0),
      worst_ms: Math.round(took.at(-1) ?? 0),
      left_at_end: open.filter(Boolean).length,
    }
  } finally {
    await engine.close()
    await server.remove()
  }
}

async function submit({ gateway }: Engine, tenant: string, thread_id: string, content: string): Promise<string> {
  const messages = [{ role: 'user' as const, content }]
  const answer = await gateway.send({ tenant, thread_id }, { type: 'submit', mode: 'queue', messages })
  if (!answer.ok) throw new Error(answer.rejection.message)
  return String((answer.outcome as { run_id: string }).run_id)
}

/** From the submit to the end of the run (ms). */
async function run(engine: Engine, tenant: string, thread_id: string): Promise<number> {
  const began = performance.now()
  const run_id = await submit(engine, tenant, thread_id, 'hello')
  await eventually(
    async () => ((await engine.store.conversation.getRun(tenant, run_id))?.status === 'done' ? true : undefined),
    120_000,
  )
  return performance.now() - began
}
