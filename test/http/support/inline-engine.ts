import { randomUUID } from 'node:crypto'
import { MockActivityEnvironment } from '@temporalio/testing'
import { createActivities, type ActivityDeps } from '../../../activities/index.ts'
import type { ThreadGateway } from '../../../src/temporal/gateway.ts'
import { nextBatch, stored } from '../../../src/thread/batch.ts'
import type { Command, Context } from '../../../src/thread/command.ts'
import { react } from '../../../src/thread/decide.ts'
import { next, type Effect } from '../../../src/thread/next.ts'
import type { ModelStepInput, ModelStepResult, Report, ThreadRef, ToolInput, ToolOutcome } from '../../../src/thread/ports.ts'
import { receive } from '../../../src/thread/receive.ts'
import { reject, type Answer } from '../../../src/thread/reply.ts'
import { fromStore } from '../../../src/thread/state-init.ts'
import type { ThreadState } from '../../../src/thread/state.ts'

/**
 * The real core, activities and store without Temporal: one object a thread in this process. Quick enough for tests
 * of what stands before it; it forgets nothing and survives nothing.
 */
export function createInlineEngine(deps: ActivityDeps): ThreadGateway & { close(): void } {
  const activities = createActivities(deps)
  const threads = new Map<string, Promise<InlineThread | null>>()
  const open = new Set<InlineThread>()

  async function load(ref: ThreadRef): Promise<InlineThread | null> {
    const loaded = await activities.loadThread(ref)
    if (loaded.status === 'deleted') return null
    const thread = new InlineThread(react(fromStore(ref, loaded), { type: 'loaded' }, context()), activities)
    open.add(thread)
    return thread
  }

  return {
    async send(ref, command, { delivery_id } = {}): Promise<Answer> {
      const key = `${ref.tenant}/${ref.thread_id}`
      const loading = threads.get(key) ?? load(ref)
      threads.set(key, loading)
      const thread = await loading
      if (thread === null)
        return { ok: false, rejection: reject('thread_deleted', 'gone'), event_seq: 0, replayed: false, degraded: false }
      return thread.send(command, delivery_id)
    },
    async terminate(ref) {
      const key = `${ref.tenant}/${ref.thread_id}`
      const thread = await threads.get(key)
      threads.delete(key)
      thread?.stop()
    },
    forget: () => Promise.resolve(),
    workflowId: (ref) => `${ref.tenant}/${ref.thread_id}`,
    ping: () => Promise.resolve(),
    close() {
      for (const thread of open) thread.stop()
    },
  }
}

function context(): Context {
  const now = Date.now()
  return { now, seed: randomUUID(), id_time: now }
}

class InlineThread {
  #state: ThreadState
  #persisting = false
  #stopped = false
  #alarm: NodeJS.Timeout | undefined
  readonly #running = new Set<string>()
  readonly #activities: ReturnType<typeof createActivities>

  constructor(state: ThreadState, activities: ReturnType<typeof createActivities>) {
    this.#state = state
    this.#activities = activities
    void this.#pump()
  }

  send({ type, ...raw }: Command, delivery_id?: string): Answer {
    const received = receive(this.#state, type, raw, 'update', {
      ...context(),
      ...(delivery_id === undefined ? {} : { delivery_id }),
    })
    this.#state = received.state
    void this.#pump()
    return received.answer
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#alarm)
  }

  #report(report: Report): void {
    this.#state = react(this.#state, report, context())
    void this.#pump()
  }

  async #pump(): Promise<void> {
    if (this.#persisting || this.#stopped) return
    this.#persisting = true
    for (let batch = nextBatch(this.#state); batch !== null; batch = nextBatch(this.#state)) {
      const result = await this.#activities.persist(batch)
      if (result.status !== 'stored') this.stop()
      this.#state = stored(this.#state, batch)
    }
    this.#persisting = false
    const plan = next(this.#state, Date.now())
    for (const effect of plan.effects) if (!this.#running.has(effect.key) && !effect.cancel) void this.#start(effect)
    clearTimeout(this.#alarm)
    if (plan.wake_at === null || this.#stopped) return
    this.#alarm = setTimeout(
      () => {
        this.#report({ type: 'tick' })
      },
      Math.max(5, plan.wake_at - Date.now()),
    )
  }

  async #start(effect: Effect): Promise<void> {
    this.#running.add(effect.key)
    const environment = new MockActivityEnvironment()
    const { run_id, step, attempt } = effect.input
    if (effect.type === 'model_step') {
      const result: ModelStepResult = await environment.run(
        (input: ModelStepInput) => this.#activities.runModelStep(input),
        effect.input,
      )
      this.#report({ type: 'model_done', run_id, step, attempt, result })
    } else {
      const outcome: ToolOutcome = await environment.run((input: ToolInput) => this.#activities.runTool(input), effect.input)
      this.#report({ type: 'tool_done', run_id, step, tool_call_id: effect.input.tool_call_id, attempt, outcome })
    }
  }
}
