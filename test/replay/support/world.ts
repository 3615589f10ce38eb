import { setTimeout as sleep } from 'node:timers/promises'
import { Context } from '@temporalio/activity'
import { z } from 'zod'
import type { WorkerActivities } from '../../../activities/index.ts'
import { createWebhookActivities } from '../../../activities/deliver-webhooks.ts'
import { defaultConfig } from '../../../src/agent/default-config.ts'
import { defineConfig, tool, type WeftConfig } from '../../../src/agent/define-config.ts'
import { openDatabase, type Database } from '../../../src/store/database.ts'
import { storeOn } from '../../../src/store/index.ts'
import { StoreUnavailable, type Store } from '../../../src/store/store.ts'
import type { ThreadSettings } from '../../../src/thread/state.ts'
import { allowNetworks } from '../../../src/webhooks/addresses.ts'
import { eventually } from '../../support/engine.ts'

const anything = z.object({}).loose()
const TOOLS = ['gate', 'break', 'late', 'vanish', 'vanish_once', 'stubborn', 'large', 'expiring', 'expiring_question'] as const
/** A tool that pays no heed to a cancel goes on for so long (ms); a thread waits 5 s for it. */
const STUBBORN_MS = 6_500

/** What activities may be told to do for one thread: its store is away, its next write is done but not confirmed, … */
export type Faults = { persist_away?: boolean; load_away?: boolean; persist_unheard?: number; model_lost?: number }

/** Everything outside the engine that behaviours play with: faults, gates, settings of single threads. */
export class World {
  readonly database: Database
  readonly store: Store
  readonly faults = new Map<string, Faults>()
  readonly settings = new Map<string, Partial<ThreadSettings>>()
  readonly #standing = new Map<string, (() => void)[]>()
  readonly #seen = new Set<string>()

  constructor(database: Database) {
    this.database = database
    const store = storeOn(database)
    const { engine } = store
    this.store = {
      ...store,
      engine: {
        ...engine,
        load: (ref) => {
          if (this.faults.get(ref.thread_id)?.load_away === true) throw new StoreUnavailable('away')
          return engine.load(ref)
        },
        persist: async (batch) => {
          const faults = this.faults.get(batch.thread_id)
          if (faults?.persist_away === true) throw new StoreUnavailable('away')
          const result = await engine.persist(batch)
          if (faults?.persist_unheard === undefined || faults.persist_unheard-- <= 0) return result
          throw new StoreUnavailable('gone before it was heard')
        },
      },
    }
  }

  static async open(): Promise<World> {
    const world = new World(await openDatabase({ timeout_ms: 5_000, pool_size: 4 }))
    await world.store.migrate()
    return world
  }

  fault(thread: string, faults: Faults): void {
    this.faults.set(thread, { ...this.faults.get(thread), ...faults })
  }

  /** Waits until something of this name stands at the gate, or a model call of it has begun. */
  async reached(name: string): Promise<void> {
    await eventually(() => (this.#seen.has(name) ? true : undefined))
  }

  /** Lets pass whoever stands at this thread's gate; who comes next stands there again. */
  open(thread: string): void {
    this.#seen.delete(thread)
    for (const go of this.#standing.get(thread)?.splice(0) ?? []) go()
  }

  stand(thread: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const standing = this.#standing.get(thread) ?? []
      this.#standing.set(thread, standing)
      standing.push(resolve)
      this.#seen.add(thread)
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
  }

  /** The example agent with more tools, and a second agent. */
  config(): WeftConfig {
    const tools = {
      ...defaultConfig.tools,
      gate: tool({
        inputSchema: anything,
        repeatable: true,
        execute: async (_input, { abortSignal, context }) => {
          await this.stand(context.thread_id, abortSignal)
          return { passed: true }
        },
      }),
      break: tool({ inputSchema: anything, execute: () => Promise.reject(new Error('it broke')) }),
      late: tool({
        inputSchema: anything,
        timeoutMs: 50,
        execute: (_input, { abortSignal }) => sleep(60_000, 0, { signal: abortSignal }),
      }),
      vanish: tool({ inputSchema: anything, execute: () => ({}) }),
      vanish_once: tool({ inputSchema: anything, repeatable: true, execute: () => ({ back: true }) }),
      stubborn: tool({ inputSchema: anything, execute: () => ({}) }),
      large: tool({ inputSchema: anything, execute: () => 'x'.repeat(20_000) }),
      expiring: tool({ inputSchema: anything, needsApproval: true, expiresInMs: 300, execute: () => ({}) }),
      expiring_question: tool({ inputSchema: anything, external: true, expiresInMs: 300 }),
    }
    const [agent] = defaultConfig.agents
    if (agent === undefined) throw new Error('there is an example agent')
    const scripted = { ...agent, model: 'scripted' as const, tools: [...(agent.tools ?? []), ...TOOLS] }
    return defineConfig({ agents: [scripted, { ...scripted, id: 'other' }], tools })
  }

  /** Stands between the worker and the real activities. */
  wrap(real: WorkerActivities): WorkerActivities {
    const quiet = { debug() {}, warn() {}, error() {} }
    const retry = { first_ms: 300, give_up_ms: 2_000 }
    const webhooks = createWebhookActivities({ store: this.store, allowed: allowNetworks(['127.0.0.1']), retry, logger: quiet })
    return {
      ...real,
      ...webhooks,
      loadThread: async (ref) => {
        const loaded = await real.loadThread(ref)
        if (loaded.status === 'deleted') return loaded
        return { ...loaded, settings: { ...loaded.settings, ...this.settings.get(ref.thread_id) } }
      },
      runModelStep: async (input) => {
        const faults = this.faults.get(input.thread_id)
        if (faults?.model_lost !== undefined && faults.model_lost-- > 0) return silence()
        this.#seen.add(`model/${input.thread_id}`)
        return real.runModelStep(input)
      },
      runTool: async (input) => {
        const { tool_name, attempt, thread_id } = input
        if (tool_name === 'vanish' || (tool_name === 'vanish_once' && attempt === 1)) return silence()
        if (tool_name !== 'stubborn') return real.runTool(input)
        this.#seen.add(thread_id)
        const until = Date.now() + STUBBORN_MS
        while (Date.now() < until) {
          Context.current().heartbeat()
          await sleep(100)
        }
        return { kind: 'cancelled' }
      },
    }
  }
}

/** What the server sees of a worker that has died: no heartbeat, and no word until it has given it up. */
async function silence(): Promise<never> {
  await Context.current().cancelled.catch(() => undefined)
  throw new Error('given up')
}
