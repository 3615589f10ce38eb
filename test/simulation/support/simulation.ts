import type { JsonObject } from '../../../src/thread/json.ts'
import { firstBatch, markOf, type Begin } from '../../../src/thread/begin.ts'
import type { LoadInput, LoadResult, ModelStepInput, ModelStepResult, ThreadBatch, ToolInput } from '../../../src/thread/ports.ts'
import type { Answer } from '../../../src/thread/reply.ts'
import { emptyThread, fromStore } from '../../../src/thread/state-init.ts'
import type { ThreadSettings, ThreadState } from '../../../src/thread/state.ts'
import { COMMANDS, Generator } from '../../thread/model/generate.ts'
import { Mailbox } from '../../thread/model/mailbox.ts'
import { Random } from '../../thread/model/random.ts'
import { SETTINGS } from '../../thread/given.ts'
import { Agenda } from './agenda.ts'
import { MemoryStore } from './memory-store.ts'
import { Server, type Work } from './server.ts'
import { PLAIN } from '../../thread/plain-step.ts'

/** A command as its sender knows it: what was sent, and every answer that came back. */
export type Sent = {
  command_id: string | null
  type: string
  body: JsonObject
  via: 'update' | 'signal'
  answers: Answer[]
  refused: boolean
}

const START = 1_700_000_000_000
const COMMAND_SUM = COMMANDS.reduce((sum, [, weight]) => sum + weight, 0)
/** A sender who hears nothing asks again. */
const RESEND_MS = 2_500
const GARBAGE: unknown[] = [null, 7, 'text', [], { messages: 7 }, { pending_id: {} }, { __proto__: { x: 1 } }]
const DEEDS = [
  ['command', 60],
  ['garbage', 3],
  ['again', 5],
  ['crash', 5],
  ['terminate', 2],
  ['cancel', 1],
  ['outage', 3],
  ['pause', 8],
] as const
const DEED_SUM = DEEDS.reduce((sum, [, weight]) => sum + weight, 0)

/** One thread's life on a fake engine with a virtual clock: everything that happens follows from the seed. */
export class Simulation {
  readonly sent: Sent[] = []
  readonly store: MemoryStore
  readonly server: Server
  readonly lines: string[] = []
  readonly #r: Random
  readonly #agenda = new Agenda(START)
  readonly #generate = new Generator()
  readonly #updates = new Map<string, { sent: Sent; done: boolean }>()
  /** From then on everything goes well. */
  #calm = false
  #outageEnds = 0
  #patience = 0

  constructor(seed: number, workflow: (input: never) => Promise<unknown>) {
    this.#r = new Random(seed)
    const r = this.#r
    const settings: ThreadSettings = {
      ...SETTINGS,
      idle_close_ms: r.one([2_000, 20_000]),
      continue_as_new_every: r.one([0, 0, 4, 10]),
    }
    this.store = new MemoryStore(settings)
    const ports = {
      begin: (work: Work, local: boolean) => this.#begin(work, local),
      answered: (id: string, answer: unknown) => this.#answered(id, answer as Answer),
      rejected: (id: string, error: string) => this.#rejected(id, error),
    }
    this.server = new Server(workflow, this.#agenda, r, ports, (text) => this.#say(text))
  }

  /** A stormy time, and then all that it takes for everything to come to rest. */
  async live(): Promise<void> {
    const r = this.#r
    const deeds = 4 + r.below(20)
    for (let i = 0; i < deeds; i++) {
      this.#deed(r.weighted(DEEDS, DEED_SUM))
      await this.#agenda.until(this.#agenda.now + r.one([0, 0, 1, 5, 40, 200, 1_000]))
    }
    this.#say('from now on all goes well')
    this.#calm = true
    this.#outageEnds = 0
    for (let i = 0; i < 400; i++) {
      await this.#agenda.until(this.#agenda.now + 3_000)
      // What the store says is behind what the thread does, so only a thread that has closed is surely at rest.
      if (this.atRest() && this.server.execution?.open !== true) break
      if (i % 3 === 0 && !this.atRest()) this.#help()
    }
    // Dead workers have most histories replayed on the way.
    if (r.chance(30)) await this.server.replayAll()
  }

  atRest(): boolean {
    const { active_run_id, queue } = this.state
    const answered = [...this.#updates.values()].every(({ done }) => done)
    return answered && active_run_id === null && queue.length === 0
  }

  /** The thread as the store has it. */
  get state(): ThreadState {
    const { snapshot, settings, epoch, last_seq } = this.store
    if (snapshot === null) return emptyThread('default', 't1', settings)
    return fromStore({ tenant: 'default', thread_id: 't1' }, { epoch, last_seq, snapshot, ledger: [], settings })
  }

  #deed(deed: (typeof DEEDS)[number][0]): void {
    const r = this.#r
    switch (deed) {
      case 'command': {
        const { type, body } = this.#generate.command(r.weighted(COMMANDS, COMMAND_SUM), r, this.state, new Mailbox())
        const via = r.chance(25) ? 'signal' : 'update'
        const named = via === 'update' || r.chance(50)
        this.#send(type, named ? { ...body, command_id: `k${String(this.sent.length)}` } : body, via)
        return
      }
      case 'garbage':
        this.#signal(r.one(['submit', 'decision', 'edit_pending', 'no_such_command']), r.pick(GARBAGE))
        return
      case 'again': {
        const past = r.pick(this.sent.filter(({ command_id }) => command_id !== null))
        if (past !== undefined) this.#deliver(past, r.chance(30) ? 'signal' : 'update')
        return
      }
      case 'crash':
        this.server.crash()
        return
      case 'terminate': {
        // What is not stored is gone with the workflow that knew it, so only an operator who has looked may do this.
        const view = this.server.query('thread') as { unstored_events?: number } | undefined
        if (view?.unstored_events === 0) this.server.terminate()
        return
      }
      case 'cancel':
        if (this.server.execution?.open === true) this.server.deliver({ type: 'cancel' })
        return
      case 'outage':
        this.#outageEnds = this.#agenda.now + 1 + r.below(15_000)
        this.#say(`the store is away until ${String(this.#outageEnds - START)}`)
        return
      case 'pause':
        this.#agenda.in(r.below(20_000), () => undefined)
    }
  }

  /** At the end people answer what is asked, and let go on what they have stopped. */
  #help(): void {
    const { state } = this
    const run = state.active_run_id === null ? undefined : state.runs[state.active_run_id]
    const ticket = run?.calls.find(({ status }) => status === 'waiting')
    this.#patience += 1
    const command_id = `help-${String(this.#patience)}`
    if (ticket !== undefined)
      this.#send(
        'decision',
        { command_id, tool_call_id: ticket.tool_call_id, action: 'resume', payload: { result: 1 } },
        'update',
      )
    else this.#send(state.parked ? 'resume_queue' : 'wake', { command_id }, 'update')
  }

  #send(type: string, body: JsonObject, via: 'update' | 'signal'): void {
    const command_id = typeof body['command_id'] === 'string' ? body['command_id'] : null
    const sent: Sent = { command_id, type, body, via, answers: [], refused: false }
    this.sent.push(sent)
    this.#deliver(sent, via)
  }

  #deliver(sent: Sent, via: 'update' | 'signal'): void {
    if (via === 'signal') this.#signal(sent.type, sent.body)
    else this.#update(`${sent.command_id ?? ''}/${String(this.#updates.size)}`, sent)
  }

  #signal(name: string, arg: unknown): void {
    this.#say(`signal ${name} ${JSON.stringify(arg)}`)
    this.server.deliver({ type: 'signal', name, arg })
  }

  #update(id: string, sent: Sent): void {
    const update = { sent, done: false }
    this.#updates.set(id, update)
    this.#say(`update ${sent.type} ${JSON.stringify(sent.body)}`)
    this.server.deliver({ type: 'update', id, name: sent.type, arg: sent.body })
    const again = (): void => {
      if (update.done) return
      // Whoever hears nothing does not know whether it was applied; the same command comes as another delivery.
      update.done = true
      this.#update(`${id}+`, sent)
    }
    this.#agenda.in(RESEND_MS * (this.#calm ? 8 : 1), again)
  }

  #answered(id: string, answer: Answer): void {
    const update = this.#updates.get(id)
    if (update === undefined) throw new Error(`nobody has sent ${id}`)
    this.#say(`answer ${id} ${answer.ok ? JSON.stringify(answer.outcome) : answer.rejection.code}`)
    update.done = true
    update.sent.answers.push(answer)
  }

  #rejected(id: string, error: string): void {
    const update = this.#updates.get(id)
    this.#say(`rejected ${id} ${error}`)
    if (update === undefined) return
    update.done = true
    update.sent.refused = true
  }

  #begin(work: Work, local: boolean): ReturnType<ConstructorParameters<typeof Server>[3]['begin']> {
    const r = this.#r
    switch (work.name) {
      case 'loadThread':
      case 'persist': {
        const away = this.#agenda.now < this.#outageEnds
        const slow = r.chance(this.#calm ? 0 : 5)
        const fate = away
          ? 'away'
          : this.#calm
            ? 'well'
            : r.one(['well', 'well', 'well', 'well', 'well', 'well', 'unheard', 'away'])
        return { ms: away || slow ? (local ? 900 : 1_500) : r.below(3), finish: () => this.#stored(work, fate) }
      }
      case 'runModelStep': {
        const ms = r.one([1, 20, 300, 2_500])
        return { ms, finish: () => ({ value: this.#model(work) }) }
      }
      default: {
        const ms = r.one([1, 20, 300, 6_500])
        return { ms, finish: () => ({ value: this.#tool(work) }) }
      }
    }
  }

  #stored(work: Work, fate: string): { value: unknown } | { error: string } {
    if (fate === 'away') return { error: 'the store is away' }
    const result =
      work.name === 'persist' ? this.#persist(work.arg as ThreadBatch) : this.#load(work.arg as LoadInput & { begin?: Begin })
    this.#say(`${work.name} ${JSON.stringify(result).slice(0, 60)}${fate === 'unheard' ? ', unheard' : ''}`)
    return fate === 'unheard' ? { error: 'it did not answer in time' } : { value: copy(result) }
  }

  /** As the real activity does it; the store may also go away between the two, or write too late to be heard. */
  #load({ begin, ...ref }: LoadInput & { begin?: Begin }): LoadResult {
    const loaded = this.store.load(ref)
    if (loaded.status === 'deleted' || begin === undefined) return loaded
    const batch = firstBatch(ref, loaded, begin)
    if (batch === null || (!this.#calm && this.#r.chance(20))) return loaded
    const isTold = this.#persist(batch).status === 'stored' && (this.#calm || this.#r.chance(80))
    return isTold ? { ...loaded, begun: markOf(batch) } : loaded
  }

  #persist(batch: ThreadBatch) {
    const before = this.store.last_seq
    const result = this.store.persist(copy(batch))
    for (const event of this.store.events.slice(before)) this.#say(`  ${JSON.stringify(event)}`)
    return result
  }

  #model(work: Work): ModelStepResult {
    const { run_id, step, attempt } = work.arg as ModelStepInput
    const plain = this.#calm && !work.cancelled
    const result = plain ? PLAIN : this.#generate.model(this.#r, work.cancelled, step)
    if (result.kind !== 'failed') this.store.stage(run_id, step, attempt)
    this.#say(`model ${run_id}/${String(step)}/${String(attempt)} ${result.kind}`)
    return result
  }

  #tool(work: Work): unknown {
    const { run_id, step, attempt, tool_call_id } = work.arg as ToolInput
    const outcome =
      this.#calm && !work.cancelled ? { kind: 'done', status: 'success' } : this.#generate.tool(this.#r, work.cancelled)
    this.store.stage(run_id, step, attempt)
    this.#say(`tool ${tool_call_id}/${String(attempt)} ${outcome.kind}`)
    return outcome
  }

  #say(text: string): void {
    this.lines.push(`${String(this.#agenda.now - START)} ${text}`)
  }
}

function copy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}
