import { eventually, type Engine } from '../../support/engine.ts'
import type { Database } from '../../../src/store/database.ts'
import type { Command, SubmitCommand } from '../../../src/thread/command.ts'
import type { EventKind } from '../../../src/thread/event.ts'
import type { Answer } from '../../../src/thread/reply.ts'
import type { ThreadSettings } from '../../../src/thread/state.ts'
import type { World } from './world.ts'

/** One behaviour of a workflow: what is done to it. `record`: ids of the workflows whose histories tell of it. */
export type Behaviour = {
  settings?: Partial<ThreadSettings>
  /** It stops the worker, or does other things that disturb those beside it. */
  alone?: boolean
  play: (stage: Stage) => Promise<void>
}
export type Behaviours = { [name: string]: Behaviour | Behaviour['play'] }

export const EMAIL = '/tool send_email {"to":"ada@example.com","subject":"s","body":"b"}'
export const ASK = '/tool ask_user {"question":"which?"}'
export const GATE = '/tool gate {}'
export const SLOW = '/slow 60000\none two three four five six'

/** One thread on the real engine, and the short ways in which behaviours are told. */
export class Stage {
  readonly thread: string
  readonly engine: Engine
  readonly database: Database
  readonly world: World
  /** The workflows to record. */
  readonly workflows: string[]

  constructor(world: World, engine: Engine, name: string) {
    this.world = world
    this.engine = engine
    this.database = world.database
    this.thread = name
    this.workflows = [`default/${name}`]
  }

  get handle() {
    return this.engine.client.workflow.getHandle(`default/${this.thread}`)
  }

  say(content: string, more: Partial<SubmitCommand> = {}): Promise<string> {
    return this.engine.say(this.thread, content, more)
  }
  send(command: Command) {
    return this.engine.send(this.thread, command)
  }
  /** The answer of a command that may be refused. */
  answer(command: Command): Promise<Answer> {
    return this.engine.gateway.send(this.engine.ref(this.thread), command)
  }
  /** A command that must be refused so. */
  async refused(code: string, command: Command): Promise<void> {
    const answer = await this.answer(command)
    const got = answer.ok ? 'accepted' : answer.rejection.code
    if (got !== code) throw new Error(`${command.type} was ${got}, not ${code}`)
  }

  /** Waits for the run's end, which must be of this type. */
  async ends(run_id: string, type = 'natural_end'): Promise<void> {
    const run = await this.engine.run(run_id)
    if (run.termination?.type !== type) throw new Error(`the run ended as ${JSON.stringify(run.termination)}, not ${type}`)
  }
  async run(content: string, more: Partial<SubmitCommand> = {}, type = 'natural_end'): Promise<string> {
    const run_id = await this.say(content, more)
    await this.ends(run_id, type)
    return run_id
  }
  /** A run that is in a model call which goes on for a minute. */
  async writing(): Promise<string> {
    const run_id = await this.say(SLOW)
    await this.engine.run(run_id, ({ status }) => status === 'running')
    await this.world.reached(`model/${this.thread}`)
    return run_id
  }
  /** A run whose tool stands at the gate. */
  async busy(content = GATE): Promise<string> {
    const run_id = await this.say(content)
    await this.world.reached(this.thread)
    return run_id
  }
  open(): void {
    this.world.open(this.thread)
  }
  /** Waits until the run waits; the ids of the calls that do. */
  async tickets(run_id: string, count = 1): Promise<string[]> {
    const run = await this.engine.run(run_id, ({ status, waiting }) => status === 'waiting' && waiting?.tickets.length === count)
    return run.waiting?.tickets.map(({ tool_call_id }) => tool_call_id) ?? []
  }
  async waits(content = EMAIL): Promise<{ run_id: string; call: string }> {
    const run_id = await this.say(content)
    return { run_id, call: (await this.tickets(run_id))[0] ?? '' }
  }
  decide(tool_call_id: string, more: Partial<Extract<Command, { type: 'decision' }>> = {}) {
    return this.send({ type: 'decision', tool_call_id, action: 'resume', ...more })
  }

  /** Waits until the log has so many events of a kind. */
  async logged(kind: EventKind, count = 1): Promise<void> {
    await eventually(async () => {
      const log = await this.engine.log(this.thread)
      return log.filter((event) => event.kind === kind).length >= count ? true : undefined
    }, 30_000).catch(async () => {
      const kinds = (await this.engine.log(this.thread)).map((event) => event.kind)
      throw new Error(`the log never came to ${String(count)} ${kind}: ${kinds.join(' ')}`)
    })
  }
  /** Waits until the latest execution has this status. */
  async closed(status = 'COMPLETED'): Promise<void> {
    await eventually(async () => ((await this.handle.describe()).status.name === status ? true : undefined))
  }
  /** The id of the message that waits at this place of the queue. */
  async pending(index = 0): Promise<{ pending_id: string; revision: number }> {
    const { items } = await this.queue()
    const entry = items[index]
    if (entry === undefined) throw new Error(`nothing waits at ${String(index)}`)
    return entry
  }
  async queue(): Promise<{ queue_revision: number; items: { pending_id: string; revision: number }[] }> {
    return this.handle.query('pending')
  }
}
