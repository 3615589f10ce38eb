import { randomUUID } from 'node:crypto'
import { cpSync, readdirSync, rmSync } from 'node:fs'
import type { Agent } from 'node:http'
import { join } from 'node:path'
import type { Context } from '../part.ts'
import { perOne, untilAtRest, withCpu } from '../support/processes.ts'
import { analyze, copyThread, lengthen, withStore } from '../weft/fill.ts'
import { createAgent, postRun } from '../weft/post-run.ts'
import { getJson, postJson } from '../weft/pages.ts'
import { newPlace, startProgram, UNLIMITED, type Place, type Program } from '../weft/program.ts'
import type { Target } from './growth-cells.ts'
import type { Sizes } from './growth.ts'

const WARM_TURNS = 10
/** Conversations may grow by a fifth of their size, but the shortest need a few runs. */
const turnsOf = (messages: number): number => Math.max(3, Math.floor(messages / 10))
const HOLD_MS = 600_000
const REPAIR_MS = 120_000
const FILLER = 'filler'
const lengthened = (size: number): string => `messages-${String(size)}`

/** A data directory whose store has the threads that everything else is made from, each with one run. */
export async function prepare(context: Context, sizes: Sizes): Promise<Place> {
  const place = newPlace(context)
  const program = await startProgram(context, { place, env: UNLIMITED })
  const agent = agentOf(context)
  for (const thread of [FILLER, ...sizes.messages.map(lengthened)]) await postRun(program.api, agent, thread, 'Hello there')
  await program.stop()
  // What is in the store is about to change under the workflows: without any, threads begin with what the store says.
  for (const file of readdirSync(place.dataDir)) if (file.startsWith('temporal.')) rmSync(join(place.dataDir, file))
  return place
}

/** One service for each number of threads, all at once. */
export async function startThreads(
  context: Context,
  origin: Place,
  sizes: Sizes,
): Promise<{ targets: Target[]; stop(): Promise<void> }> {
  const agent = agentOf(context)
  const targets: Target[] = []
  for (const size of sizes.threads) {
    context.report(`filling a store with ${String(size)} threads`)
    const place = copyOf(context, origin)
    await withStore(place.dataDir, async (database) => {
      await copyThread(database, FILLER, size - 1)
      await analyze(database)
    })
    const program = await startProgram(context, { place, env: UNLIMITED })
    // Once after each start, and then every hour, all threads are compared with the store; that is no run's cost.
    const { cpu } = await withCpu(program.processes, () => untilAtRest(program.processes, REPAIR_MS))
    context.report(`after its start it took ${((perOne(cpu, 1)['total'] ?? 0) / 1_000).toFixed(1)} s of CPU to be at rest`)
    targets.push({ size, program, agent, next_thread: () => randomUUID(), turns_each: WARM_TURNS })
  }
  return { targets, stop: async () => void (await Promise.all(targets.map(({ program }) => program.stop()))) }
}

/** One service with conversations of each length, as many of each as their runs need. */
export async function startMessages(
  context: Context,
  origin: Place,
  sizes: Sizes,
): Promise<{ program: Program; targets: Target[] }> {
  context.report('making conversations longer')
  const place = copyOf(context, origin)
  const copies = (size: number): number => Math.ceil(((sizes.rounds + 1) * sizes.turns) / turnsOf(size)) + 1
  await withStore(place.dataDir, async (database) => {
    for (const size of sizes.messages) {
      await lengthen(database, lengthened(size), size / 2 - 1)
      await copyThread(database, lengthened(size), copies(size) - 1)
    }
    await analyze(database)
  })
  const program = await startProgram(context, { place, env: UNLIMITED })
  const agent = agentOf(context)
  const targets = sizes.messages.map((size): Target => {
    const threads = Array.from({ length: copies(size) }, (_, n) => lengthened(size) + (n === 0 ? '' : `-${String(n)}`))
    return { size, program, agent, next_thread: () => threads.shift() ?? randomUUID(), turns_each: turnsOf(size) }
  })
  for (const { size } of targets) await mustHave(program, lengthened(size), size)
  return { program, targets }
}

/** Threads with queues of each length, which stay as they are for ten minutes. */
export async function serveQueues(context: Context, program: Program, sizes: Sizes): Promise<Target[]> {
  context.report('filling queues')
  const targets: Target[] = []
  for (const size of sizes.queue) {
    const thread = `queue-${String(size)}`
    const at = `${program.api}/v1/threads/${thread}`
    const say = (content: string): Promise<unknown> => postJson(`${at}/messages`, { messages: [{ role: 'user', content }] })
    await postJson(`${program.api}/v1/threads`, { id: thread })
    await say('/slow 300000\nlong')
    for (let n = 0; n < size; n++) await say(`message ${String(n)}`)
    const { items } = await getJson<{ items: { pending_id: string }[] }>(`${at}/pending`)
    await postJson(`${at}/pending/${String(items[0]?.pending_id)}/hold`, { ttl_ms: HOLD_MS })
    await postJson(`${at}/interrupt`, { queue: 'keep' })
    const { total } = await getJson<{ total: number }>(`${at}/pending`)
    if (total !== size) throw new Error(`a queue has ${String(total)} messages instead of ${String(size)}`)
    targets.push({ size, program, agent: agentOf(context), next_thread: () => thread, turns_each: Infinity })
  }
  return targets
}

async function mustHave(program: Program, thread: string, size: number): Promise<void> {
  const { total } = await getJson<{ total: number }>(`${program.api}/v1/threads/${thread}/messages?order=desc`)
  if (total !== size) throw new Error(`a conversation has ${String(total)} messages instead of ${String(size)}`)
}

function copyOf(context: Context, origin: Place): Place {
  const place = newPlace(context)
  cpSync(origin.dataDir, place.dataDir, { recursive: true })
  return place
}

function agentOf(context: Context): Agent {
  const agent = createAgent()
  context.atEnd(() => agent.destroy())
  return agent
}
