import { nextBatch, stored } from '../../../src/thread/batch.ts'
import type { Command } from '../../../src/thread/command.ts'
import { react } from '../../../src/thread/decide.ts'
import type { ThreadEvent } from '../../../src/thread/event.ts'
import type { JsonObject } from '../../../src/thread/json.ts'
import { next, type Effect } from '../../../src/thread/next.ts'
import type { Report } from '../../../src/thread/ports.ts'
import { receive } from '../../../src/thread/receive.ts'
import type { Answer } from '../../../src/thread/reply.ts'
import { inShort } from '../../../src/thread/packed.ts'
import { emptyThread, fromStore, toSnapshot } from '../../../src/thread/state-init.ts'
import type { ThreadState } from '../../../src/thread/state.ts'
import { SETTINGS } from '../given.ts'
import { PLAIN } from '../plain-step.ts'
import { apply, refuses, type Facts } from './commands.ts'
import { compare, same } from './compare.ts'
import { decided, endOf, of, report } from './effects.ts'
import { COMMANDS, Generator, type Sent } from './generate.ts'
import { difference, facts, Invariants } from './invariants.ts'
import { Mailbox } from './mailbox.ts'
import { Random } from './random.ts'

const DEEDS = [
  ['command', 46],
  ['effect', 36],
  ['repeat', 3],
  ['zombie', 3],
  ['wait', 9],
  ['restart', 1],
] as const
const DEED_SUM = DEEDS.reduce((sum, [, weight]) => sum + weight, 0)
const COMMAND_SUM = COMMANDS.reduce((sum, [, weight]) => sum + weight, 0)

/** `away`: nothing is stored until its end. `busy`: people write faster than effects finish, so the queue grows long. */
export type Nature = { away: boolean; busy: boolean }

/** One thread, told things at random, with the model beside it. Every step is compared; what differs throws. */
export class Life {
  state: ThreadState = emptyThread('default', 't1', SETTINGS)
  readonly box = new Mailbox()
  readonly invariants = new Invariants()
  readonly trace: string[] | null
  readonly generate = new Generator()
  /** Everything that has happened, from the first event on. */
  readonly log: ThreadEvent[] = []
  now = 1_700_000_000_000
  readonly nature: Nature
  #deliveries = 0
  #past: { type: string; body: JsonObject; answer: Answer }[] = []
  #reports: Report[] = []
  #known = new Set<string>()
  #limits: { max_steps: number; tokens: number; deadline: number } | null = null

  constructor(nature: Nature, trace = false) {
    this.nature = nature
    this.trace = trace ? [] : null
  }

  act(bits: number): void {
    const r = new Random(bits)
    const deed = r.weighted(DEEDS, DEED_SUM)
    switch (this.nature.busy && deed === 'effect' && r.chance(60) ? 'command' : deed) {
      case 'command': {
        const type = r.weighted(COMMANDS, COMMAND_SUM)
        const sent = this.generate.command(type, r, this.state, this.box)
        const named = r.chance(50) ? { ...sent.body, command_id: `k${String(bits)}-${String(this.#deliveries)}` } : sent.body
        this.tell({ type: sent.type, body: named }, r.chance(10) ? 'signal' : 'update')
        break
      }
      case 'effect': {
        const effect = r.pick(this.effects())
        if (effect === undefined) this.wait(r.below(2_000))
        else this.finish(effect, r)
        break
      }
      case 'repeat':
        this.repeat(r)
        break
      case 'zombie':
        this.zombie(r)
        break
      case 'wait':
        this.wait(r.one([0, 1, 50, 300, 1_000, 2_500, 6_000, 61_000]) + r.below(20))
        break
      case 'restart':
        this.restart()
        break
    }
    if (!this.nature.away && r.chance(40)) this.store()
  }

  effects(): Effect[] {
    return next(this.state, this.now).effects
  }

  tell({ type, body }: Sent, via: 'update' | 'signal'): void {
    const command = this.read(type, body)
    const known = this.facts()
    this.box.begin(this.now)
    const must = refuses(this.box, command, known)
    const before = this.state
    const open = before.active_run_id
    const limited = this.limited()
    const { state, answer } = receive(before, type, body, via, this.context())
    this.state = state
    const events = this.events(before)
    this.note(
      () => `${via} ${type} ${JSON.stringify(body)} -> ${answer.ok ? JSON.stringify(answer.outcome) : answer.rejection.code}`,
    )
    const kept =
      answer.ok || !['invalid_command', 'queue_full', 'store_unavailable', 'idempotency_conflict'].includes(answer.rejection.code)
    if (body['command_id'] !== undefined && kept) this.#past.push({ type, body, answer })
    if (answer.ok) {
      if (must != null) throw new Error(`${type} was accepted, and should be refused as ${must.join(' or ')}`)
      if (command.type === 'decision') decided(this.box, events, limited)
      else {
        const { run_id, message_ids } = answer.outcome
        const runs = new Map(of(events, 'PendingDelivered').map(({ payload }) => [payload.pending_id, payload.for_run_id]))
        apply(this.box, command, known, { run_id: String(run_id), message_ids: (message_ids ?? []) as string[], runs })
      }
      if (this.box.open?.stopping === true && endOf(events, this.box.open.run_id) !== null) this.box.ended()
      this.settle(events, open)
      return
    }
    const { code } = answer.rejection
    if (must === null) throw new Error(`${type} was refused as ${code} (${answer.rejection.message}), and should be accepted`)
    if (must !== undefined && !must.includes(code))
      throw new Error(`${type} was refused as ${code}, should be ${must.join(' or ')}`)
    this.unchanged(before, events, via === 'signal' ? ['CommandRejected'] : [])
    this.settle(events, open, false)
  }

  /** A refusal, a repeat and a report that is out of date leave no trace but in the ledger. */
  unchanged(before: ThreadState, events: ThreadEvent[], allowed: string[]): void {
    same('events of what must change nothing', events.map(({ kind }) => kind).join(), allowed.join())
    const count = { event_seq: 0, last_activity_at: 0 }
    const differs = difference({ ...facts(before), ...count }, { ...facts(this.state), ...count }, 'state')
    if (differs !== null) throw new Error(`what must change nothing changed ${differs}`)
  }

  repeat(r: Random): void {
    const past = r.pick(this.#past)
    if (past === undefined) return
    const other = r.chance(40)
    const before = this.state
    const body = other ? { ...past.body, ...(past.type === 'wake' ? { origin: 'http' } : { by: { id: 'x' } }) } : past.body
    const changed = other && past.type === 'submit' ? { ...body, metadata: { other: true } } : body
    const { state, answer } = receive(before, past.type, changed, 'update', this.context())
    this.state = state
    const conflict = changed !== body
    this.note(() => `repeat ${past.type} ${String(past.body['command_id'])}${conflict ? ' with another body' : ''}`)
    const remembered = before.ledger.some(({ command_id }) => command_id === past.body['command_id'])
    if (!remembered) throw new Error(`the ledger forgot ${String(past.body['command_id'])}`)
    if (conflict) same('another body', answer.ok ? 'accepted' : answer.rejection.code, 'idempotency_conflict')
    else {
      same('a repeat', answer.replayed, true)
      const { replayed: _r, degraded: _d, ...reply } = answer
      const { replayed: _r1, degraded: _d1, ...first } = past.answer
      const differs = difference(reply, first, 'answer')
      if (differs !== null) throw new Error(`a repeat was answered differently: ${differs}`)
    }
    this.unchanged(before, this.events(before), [])
  }

  finish(effect: Effect, r: Random, plain = false): void {
    if (effect.type === 'model_step') {
      const { run_id, step, attempt } = effect.input
      const result = plain ? PLAIN : this.generate.model(r, effect.cancel, step)
      if (result.kind === 'completed') this.limit(result.limits, step)
      this.report({ type: 'model_done', run_id, step, attempt, result })
    } else {
      const { run_id, step, attempt, tool_call_id } = effect.input
      const outcome = plain ? { kind: 'done' as const, status: 'success' as const } : this.generate.tool(r, effect.cancel)
      this.report({ type: 'tool_done', run_id, step, attempt, tool_call_id, outcome })
    }
  }

  /** A worker that was given up reports after all. */
  zombie(r: Random): void {
    const late = r.pick(this.#reports.slice(-20))
    if (late === undefined) return
    const before = this.state
    this.state = react(before, late, this.context())
    this.note(() => `zombie ${JSON.stringify(late)}`)
    this.unchanged(before, this.events(before), [])
  }

  report(given: Report): void {
    this.box.begin(this.now)
    const before = this.state
    const open = before.active_run_id
    const limited = this.limited()
    this.state = react(before, given, this.context())
    const events = this.events(before)
    this.note(() => `report ${JSON.stringify(given)}`)
    if (given.type === 'model_done' || given.type === 'tool_done') this.#reports.push(given)
    report(this.box, given, events, limited)
    this.settle(events, open)
  }

  wait(ms: number): void {
    this.now += ms
    this.note(() => `wait ${String(ms)}`)
    this.report({ type: 'tick' })
  }

  restart(): void {
    this.store()
    const { state } = this
    const loaded = {
      epoch: state.epoch + 1,
      last_seq: state.event_seq,
      snapshot: inShort(toSnapshot(state)),
      ledger: state.ledger,
      settings: SETTINGS,
    }
    this.state = fromStore({ tenant: 'default', thread_id: 't1' }, JSON.parse(JSON.stringify(loaded)) as typeof loaded)
    this.report({ type: 'loaded' })
  }

  store(): void {
    const batch = nextBatch(this.state)
    if (batch !== null) this.state = stored(this.state, batch)
  }

  settle(events: ThreadEvent[], open: string | null, look = true): void {
    if (look) this.box.look()
    compare(this.box, this.state, events, { open, runs: this.#known })
    for (const event of events) if (event.kind === 'RunQueued') this.#known.add(event.run_id ?? '')
    if (this.state.active_run_id !== open) this.#limits = null
    for (const event of events) if (event.kind === 'InferenceCompleted' && this.#limits !== null) this.#limits.tokens += 2
    this.invariants.after(this.state)
    this.waits()
  }

  /** Whatever is not at rest has something that will move it on. */
  waits(): void {
    const { state } = this
    const { effects, wake_at } = next(state, this.now)
    if (effects.length > 0) return
    if (state.active_run_id === null) {
      const held = this.box.queue.some((entry) => entry.held !== null && entry.held > this.now)
      if (state.queue.length > 0 && !state.parked && !held)
        throw new Error('nothing runs, and the queue is neither empty nor parked nor held')
      if (state.queue.length > 0 && !state.parked && wake_at === null)
        throw new Error('the queue waits for a hold, and nobody will look')
      return
    }
    if (wake_at === null && !this.box.waiting()) throw new Error('an open run has nothing to wait for')
  }

  events(before: ThreadState): ThreadEvent[] {
    const fresh = this.state.unstored.events.slice(before.unstored.events.length)
    this.note(() => fresh.map((event) => `    ${event.kind} ${event.run_id ?? ''} ${brief(event)}`).join('\n'))
    this.log.push(...fresh)
    for (const event of fresh) this.invariants.event(event)
    const changed = difference(before.queue, this.state.queue, 'queue') !== null
    if (changed && this.state.queue_revision <= before.queue_revision) throw new Error('the queue changed, its revision did not')
    if (fresh.length === 0)
      same('the revision of a queue that nothing happened to', this.state.queue_revision, before.queue_revision)
    return fresh
  }

  limit(limits: { max_steps: number; token_budget?: number; deadline_ms?: number }, step: number): void {
    const run = this.state.runs[this.state.active_run_id ?? '']
    const started = run?.record.started_at ?? 0
    const tokens = run === undefined ? 0 : run.record.usage.input_tokens + run.record.usage.output_tokens
    const over = limits.max_steps <= step || (limits.token_budget !== undefined && tokens + 2 >= limits.token_budget)
    this.#limits = {
      max_steps: over ? 0 : 1,
      tokens: 0,
      deadline: limits.deadline_ms === undefined ? Infinity : started + limits.deadline_ms,
    }
  }

  /** Whether the open run has come to one of its limits. */
  limited(): boolean {
    return this.#limits !== null && (this.#limits.max_steps === 0 || this.now >= this.#limits.deadline)
  }

  context(): { now: number; seed: string; id_time: number } {
    this.#deliveries += 1
    return { now: this.now, seed: `s${String(this.#deliveries)}`, id_time: this.now }
  }

  facts(): Facts {
    const { thread_id, queue_revision, runs } = this.state
    return {
      thread_id,
      queue_revision,
      dispatches: new Map(Object.values(runs).map(({ dispatch }) => [dispatch.dispatch_id, dispatch.run_id])),
    }
  }

  /** The command with what its absent fields stand for. */
  read(type: string, body: JsonObject): Command {
    const delivery = body['delivery'] as JsonObject | undefined
    const whole = delivery && {
      boundary: 'new_run',
      granularity: 'batch',
      barrier: false,
      fallback_to_new_run: true,
      ...delivery,
    }
    return { ttl_ms: 60_000, ...body, ...(whole === undefined ? {} : { delivery: whole }), type } as unknown as Command
  }

  note(text: () => string): void {
    this.trace?.push(text())
  }
}

function brief(event: ThreadEvent): string {
  const { payload } = event
  if ('pending_id' in payload) return payload.pending_id
  if (event.kind === 'MessageCommitted') return `${event.payload.message_id} read by ${String(event.payload.read_by_step)}`
  return 'termination' in payload ? payload.termination.type : 'reason' in payload ? String(payload.reason) : ''
}
