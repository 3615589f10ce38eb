import type { WeftConfig } from '../../src/agent/define-config.ts'
import type { Store } from '../../src/store/store.ts'
import { nextBatch, stored } from '../../src/thread/batch.ts'
import type { Context } from '../../src/thread/command.ts'
import { react } from '../../src/thread/decide.ts'
import { next } from '../../src/thread/next.ts'
import type { Effect } from '../../src/thread/next.ts'
import type { Report } from '../../src/thread/ports.ts'
import { receive } from '../../src/thread/receive.ts'
import type { RunRecord } from '../../src/thread/records.ts'
import { fromStore } from '../../src/thread/state-init.ts'
import type { ThreadState } from '../../src/thread/state.ts'
import { createWorld, TENANT } from './world.ts'
import type { World } from './world.ts'

/** A ticket that is open for a day is not waited for. */
const LONGEST_WAIT_MS = 10_000

/** Core, activities and store together, the workflow played by a loop: does what one stages reach the other? */
export class Thread {
  #state: ThreadState
  readonly #world: World
  readonly #ref: { tenant: string; thread_id: string }
  #n = 0

  constructor(world: World, state: ThreadState) {
    this.#world = world
    this.#state = state
    this.#ref = { tenant: TENANT, thread_id: state.thread_id }
  }
  static async open(store: Store, config?: WeftConfig): Promise<Thread> {
    const world = await createWorld(store, [], config === undefined ? {} : { config })
    const ref = { tenant: TENANT, thread_id: `whole-${world.ids.thread_id}` }
    const loaded = await world.activities.loadThread(ref)
    if (loaded.status !== 'loaded') throw new Error(loaded.status)
    return new Thread(world, fromStore(ref, loaded))
  }
  #context(): Context {
    this.#n += 1
    return { now: Date.now(), id_time: Date.now(), seed: `${this.#ref.thread_id}/${String(this.#n)}` }
  }
  async send(type: string, command: object): Promise<void> {
    const { state, answer } = receive(this.#state, type, command, 'update', this.#context())
    if (!answer.ok) throw new Error(answer.rejection.message)
    this.#state = state
    await this.#settle()
  }
  /** Does what the core wants until it wants nothing more. */
  async #settle(): Promise<void> {
    for (;;) {
      const batch = nextBatch(this.#state)
      if (batch !== null) {
        const result = await this.#world.activities.persist(batch)
        if (result.status !== 'stored') throw new Error(result.status)
        this.#state = stored(this.#state, batch)
      }
      const { effects, wake_at } = next(this.#state, Date.now())
      if (effects.length > 0) {
        const reports = await Promise.all(effects.map((effect) => this.#run(effect)))
        for (const report of reports) this.#state = react(this.#state, report, this.#context())
      } else if (wake_at !== null && wake_at < Date.now() + LONGEST_WAIT_MS) {
        await new Promise((resolve) => setTimeout(resolve, Math.max(wake_at - Date.now(), 0)))
        this.#state = react(this.#state, { type: 'tick' }, this.#context())
      } else if (nextBatch(this.#state) === null) return
    }
  }
  async #run(effect: Effect): Promise<Report> {
    const { run_id, step, attempt } = effect.input
    if (effect.type === 'model_step')
      return { type: 'model_done', run_id, step, attempt, result: await this.#world.step(effect.input) }
    return {
      type: 'tool_done',
      run_id,
      step,
      attempt,
      tool_call_id: effect.input.tool_call_id,
      outcome: await this.#world.tool(effect.input),
    }
  }
  async say(content: string): Promise<void> {
    await this.send('submit', { messages: [{ role: 'user', content }], mode: 'queue' })
  }
  /** Role, visibility and text of what the latest run has added to the conversation. */
  async added(): Promise<string[]> {
    const { run_id } = await this.run()
    const page = await this.#world.store.conversation.listMessages(
      this.#ref,
      { order: 'asc', run_id, visibility: 'all' },
      { limit: 50 },
    )
    return page.items.map(
      ({ role, visibility, content }) => `${role} ${visibility} ${typeof content === 'string' ? content : '…'}`,
    )
  }
  async run(): Promise<RunRecord> {
    const run = await this.#world.store.conversation.latestRun(this.#ref)
    if (run === null) throw new Error('there is no run')
    return run
  }
}
