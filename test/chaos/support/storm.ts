import { setTimeout as sleep } from 'node:timers/promises'
import type { Deployment } from './deployment.ts'
import { Life } from './lives.ts'
import type { Sender } from './sender.ts'
import type { Slot } from './slot.ts'

export type Target = 'worker' | 'api' | 'temporal' | 'postgres'
export type StormPlan = { threads: number; commands: number; lanes: number; kills: Record<Target, number> }
export type Killed = { target: string; at_ms: number; settled: number; signal: string }

/** The load ends a little after the last kill, so that there is something to recover. */
const LAST_KILL_AT = 0.96
const DOWN_MS = 400

/** Runs the lives, a few at a time, and kills while they go on. Resolves when every client has its answers. */
export async function storm(
  deployment: Deployment,
  sender: Sender,
  plan: StormPlan,
  random: () => number,
): Promise<{ killed: Killed[]; last_kill: number }> {
  const total = plan.threads * plan.commands
  const began = Date.now()
  let next = 0
  let over = false
  const lane = async (): Promise<void> => {
    for (let index = next++; index < plan.threads; index = next++)
      await new Life(`storm-${String(index)}`, sender, random).live(plan.commands)
  }
  const order = shuffled(
    (Object.keys(plan.kills) as Target[]).flatMap((target) => Array.from({ length: plan.kills[target] }, () => target)),
    random,
  )
  const killed: Killed[] = []
  let last_kill = 0
  const reaper = async (): Promise<void> => {
    for (const [index, target] of order.entries()) {
      const due = Math.floor((total * LAST_KILL_AT * (index + 1)) / order.length)
      while (sender.settled < due && !over) await sleep(20)
      const at_ms = Date.now() - began
      const settled = sender.settled
      const { name, signal } = await kill(deployment, target, random)
      last_kill = Date.now()
      killed.push({ target: name, at_ms, settled, signal })
    }
  }
  const lanes = Promise.all(Array.from({ length: plan.lanes }, lane)).finally(() => (over = true))
  await Promise.all([lanes, reaper()])
  return { killed, last_kill }
}

async function kill(
  { apis, workers, temporal, postgres }: Deployment,
  target: Target,
  random: () => number,
): Promise<{ name: string; signal: string }> {
  switch (target) {
    case 'temporal':
    case 'postgres': {
      const server = target === 'temporal' ? temporal : { kill: postgres.kill, start: postgres.restart }
      await server.kill()
      await sleep(DOWN_MS)
      await server.start()
      return { name: target, signal: 'SIGKILL' }
    }
    default: {
      const slot = await pick(target === 'api' ? apis : workers, random)
      const signal = await slot.kill()
      return { name: slot.name, signal: String(signal) }
    }
  }
}

/** One that is up: what is dead already cannot be killed. */
async function pick(slots: readonly Slot[], random: () => number): Promise<Slot> {
  for (;;) {
    const living = slots.filter(({ up }) => up)
    const slot = living[Math.floor(random() * living.length)]
    if (slot !== undefined) return slot
    await sleep(50)
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}

/**
 * Waits until no thread has anything under way. One that waits for a person is at rest, with whatever is queued behind
 * it: a tool that may not be repeated and whose worker was killed asks one.
 */
export async function untilAtRest(sender: Sender, threads: readonly string[], within_ms: number): Promise<string[]> {
  const deadline = Date.now() + within_ms
  let busy = [...threads]
  for (;;) {
    const looked = busy.slice(0, 20)
    const states = await Promise.all(looked.map((thread_id) => isAtRest(sender, thread_id)))
    busy = [...looked.filter((_, index) => states[index] !== true), ...busy.slice(20)]
    if (busy.length === 0 || Date.now() > deadline) return busy
    if (states.every((atRest) => !atRest)) await sleep(100)
  }
}

async function isAtRest(sender: Sender, thread_id: string): Promise<boolean> {
  const thread = await sender.read(`/v1/threads/${thread_id}`)
  if (thread === null) return true
  if (thread.status === 'idle') return (await sender.read(`/v1/threads/${thread_id}/pending`))?.total === 0
  if (thread.status !== 'waiting') return false
  const { active_run } = await sender.read(`/v1/threads/${thread_id}/runs/active`)
  return active_run?.waiting?.tickets?.length > 0
}

/** Threads whose run waits for a person, each with how many messages are queued behind it. */
export async function threadsWaiting(
  sender: Sender,
  threads: readonly string[],
): Promise<{ thread_id: string; queued: number }[]> {
  const waiting: { thread_id: string; queued: number }[] = []
  for (const thread_id of threads) {
    const thread = await sender.read(`/v1/threads/${thread_id}`)
    if (thread?.status !== 'waiting') continue
    waiting.push({ thread_id, queued: (await sender.read(`/v1/threads/${thread_id}/pending`))?.total ?? 0 })
  }
  return waiting
}
