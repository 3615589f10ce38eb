import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { nextBatch, stored } from '../../src/thread/batch.ts'
import { react } from '../../src/thread/decide.ts'
import { next } from '../../src/thread/next.ts'
import type { Effect } from '../../src/thread/next.ts'
import type { Report } from '../../src/thread/ports.ts'
import type { RunRecord } from '../../src/thread/records.ts'
import { receive } from '../../src/thread/receive.ts'
import { fromStore } from '../../src/thread/state-init.ts'
import type { Context } from '../../src/thread/command.ts'
import type { ThreadState } from '../../src/thread/state.ts'
import { createWorld, openStore, TENANT } from './world.ts'
import type { World } from './world.ts'

/** Core, activities and store together, the workflow played by a loop: does what one stages reach the other? */

let store: Store
beforeAll(async () => {
  store = await openStore()
}, 60_000)
afterAll(() => store.close())

class Thread {
  #state: ThreadState
  readonly #world: World
  readonly #ref: { tenant: string; thread_id: string }
  #n = 0

  constructor(world: World, state: ThreadState) {
    this.#world = world
    this.#state = state
    this.#ref = { tenant: TENANT, thread_id: state.thread_id }
  }
  static async open(): Promise<Thread> {
    const world = await createWorld(store, [])
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
      } else if (wake_at !== null) {
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
  async run(): Promise<RunRecord> {
    const run = await store.conversation.latestRun(this.#ref)
    if (run === null) throw new Error('there is no run')
    return run
  }
}

it('plain text', async () => {
  const thread = await Thread.open()
  await thread.say('hello there')
  expect(await thread.run()).toMatchObject({
    status: 'done',
    termination: { type: 'natural_end' },
    final_output: 'You said: hello there',
    steps: 1,
  })
  await thread.say('and again')
  expect(await thread.run()).toMatchObject({ final_output: 'You said: and again' })
})

it('tools, failures and refusals', async () => {
  const thread = await Thread.open()
  await thread.say('/fail 1 500\n/tool get_weather {"city":"Oslo"}\n/tool nope {}\n/tool sleep {"ms":"x"}\nok')
  const { final_output, steps } = await thread.run()
  expect(steps).toBe(2)
  expect(final_output?.split('\n')).toEqual([
    'You said: ok',
    expect.stringMatching(/^get_weather returned: \{"city":"Oslo",/),
    'nope failed: there is no tool named "nope"; the tools are: get_weather, sleep, send_email, ask_user',
    'sleep failed: the arguments do not fit the tool sleep: ms: Invalid input: expected number, received string',
  ])
})

it('approval, denial, edited arguments and an answer from outside', async () => {
  const thread = await Thread.open()
  const mail = '/tool send_email {"to":"a@b.c","subject":"x"}'
  await thread.say(`${mail}\n${mail}\n${mail}\n/tool ask_user {"question":"Which?"}`)
  const waiting = await thread.run()
  expect(waiting).toMatchObject({ status: 'waiting' })
  const ids = waiting.waiting?.tickets.map((ticket) => ticket.tool_call_id) ?? []
  expect(ids).toHaveLength(4)
  await thread.send('decision', { tool_call_id: ids[0], action: 'resume' })
  await thread.send('decision', { tool_call_id: ids[1], action: 'resume', payload: { approved: false, reason: 'not today' } })
  await thread.send('decision', {
    tool_call_id: ids[2],
    action: 'resume',
    payload: { edited_args: { to: 'z@b.c', subject: 'y' } },
  })
  await thread.send('decision', { tool_call_id: ids[3], action: 'resume', payload: { result: 'the blue one' } })
  const { status, final_output } = await thread.run()
  expect(status).toBe('done')
  expect(final_output?.split('\n')).toEqual([
    'send_email returned: {"sent":true,"to":"a@b.c","subject":"x"}',
    expect.stringMatching(/^send_email failed: .*not today/),
    'send_email returned: {"sent":true,"to":"z@b.c","subject":"y"}',
    'ask_user returned: the blue one',
  ])
})

it('loops, and arguments too large to travel', async () => {
  const thread = await Thread.open()
  await thread.say(`/tool send_email ${JSON.stringify({ to: 'a', subject: 'x', body: 'y'.repeat(5000) })}\n/loop 3`)
  const { waiting } = await thread.run()
  await thread.send('decision', { ticket_id: waiting?.tickets[0]?.ticket_id, action: 'resume' })
  expect(await thread.run()).toMatchObject({ status: 'done', steps: 5 })
})
