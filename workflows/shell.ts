import { allHandlersFinished, condition, setCurrentDetails, uuid4, workflowInfo } from '@temporalio/workflow'
import type { Context } from '../src/thread/command.ts'
import { react } from '../src/thread/decide.ts'
import { HISTORY_EVENTS } from '../src/thread/limits.ts'
import { next, type Next } from '../src/thread/next.ts'
import type { Report, ThreadRef } from '../src/thread/ports.ts'
import { receive } from '../src/thread/receive.ts'
import { reject, type Answer } from '../src/thread/reply.ts'
import type { ThreadState } from '../src/thread/state.ts'
import { detailsView } from '../src/thread/view.ts'
import { Alarm } from './alarm.ts'
import { Effects } from './effects.ts'
import { loadState, startOver } from './loading.ts'
import { Persister } from './persister.ts'
import { SearchAttributes } from './search-attributes.ts'

/** How long an update waits for the thread to be loaded before it is refused, not applied (ms). */
const LOAD_WAIT_MS = 1_500

/**
 * Wires the pure core to Temporal: commands and reports go into it, effects come out of it. No rule stands here.
 * Handlers run to their end without awaiting once the state is loaded, so a command is applied in one piece.
 */
export class ThreadShell {
  #state: ThreadState | null = null
  #deleted = false
  /** Something has changed since the loop last looked. */
  #changed = false
  readonly #ref: ThreadRef
  readonly #early: { type: string; raw: unknown }[] = []
  readonly #effects = new Effects((report) => {
    this.#report(report)
  })
  readonly #persister = new Persister(() => {
    this.#changed = true
  })
  readonly #alarms = {
    wake: new Alarm(() => {
      this.#report({ type: 'tick' })
    }),
    close: new Alarm(() => {
      this.#changed = true
    }),
  }
  readonly #attributes = new SearchAttributes()

  constructor(ref: ThreadRef) {
    this.#ref = ref
  }

  /** A signal has no answer; before the state is loaded it waits its turn. */
  signal(type: string, raw: unknown): void {
    if (this.#state === null) this.#early.push({ type, raw })
    else this.#receive(this.#state, type, raw, 'signal')
  }

  update(type: string, raw: unknown): Answer | Promise<Answer> {
    return this.#state === null ? this.#updateOnceLoaded(type, raw) : this.#receive(this.#state, type, raw, 'update')
  }

  view<T>(of: (state: ThreadState) => T): T | { loading: true } {
    return this.#state === null ? { loading: true } : of(this.#state)
  }

  /** Lives the thread's life until it has nothing to do, or hands over to the next execution. */
  async run(carried: ThreadState | undefined): Promise<void> {
    const loaded = carried ?? (await loadState(this.#ref))
    if (loaded === null) {
      this.#deleted = true
      await condition(allHandlersFinished)
      return
    }
    this.#state = carried === undefined ? react(loaded, { type: 'loaded' }, context()) : { ...loaded, commands: 0 }
    for (const { type, raw } of this.#early.splice(0)) this.signal(type, raw)
    await this.#loop()
  }

  async #loop(): Promise<void> {
    for (;;) {
      this.#changed = false
      const state = this.#persister.settle(this.#current())
      this.#state = state
      if (this.#persister.lost !== null) {
        if (this.#persister.lost === 'deleted') return
        await startOver()
      }
      this.#persister.start(state)
      const plan = next(state, Date.now())
      const handOver = this.#wantsNewExecution(state)
      this.#effects.reconcile(plan.effects, this.#persister.idle(state) && !handOver)
      if (this.#changed) continue
      this.#publish(state)
      if (handOver && this.#isQuiet(state)) await startOver(state)
      if (plan.close_at !== null && Date.now() >= plan.close_at && this.#isQuiet(state)) return
      this.#setAlarms(plan)
      await condition(() => this.#changed)
    }
  }

  #current(): ThreadState {
    if (this.#state === null) throw new Error('the state is set before the loop begins')
    return this.#state
  }

  #receive(state: ThreadState, type: string, raw: unknown, via: 'signal' | 'update'): Answer {
    const received = receive(state, type, raw, via, context())
    this.#apply(received.state)
    return { ...received.answer, degraded: this.#persister.degraded }
  }

  async #updateOnceLoaded(type: string, raw: unknown): Promise<Answer> {
    await condition(() => this.#state !== null || this.#deleted, LOAD_WAIT_MS)
    if (this.#state !== null) return this.#receive(this.#state, type, raw, 'update')
    const rejection = this.#deleted
      ? reject('thread_deleted', 'This thread was deleted.')
      : reject('store_unavailable', 'The thread could not be loaded in time; nothing was applied, so send the command again.')
    return { ok: false, rejection, event_seq: 0, replayed: false, degraded: false }
  }

  #report(report: Report): void {
    if (this.#state !== null) this.#apply(react(this.#state, report, context()))
  }

  /** Takes a new state in. What has become unwanted is cancelled at once, whatever the loop is waiting for. */
  #apply(state: ThreadState): void {
    if (state === this.#state) return
    this.#state = state
    this.#changed = true
    this.#effects.cancelUnwanted(next(state, Date.now()).effects)
  }

  #publish(state: ThreadState): void {
    this.#attributes.update(state)
    setCurrentDetails(detailsView(state))
  }

  #setAlarms(plan: Next): void {
    this.#alarms.wake.set(plan.wake_at)
    // One long timer that is not moved by every run: cancelling and starting it again would cost events each time.
    if (plan.close_at !== null) this.#alarms.close.setUnlessArmed(plan.close_at)
  }

  #wantsNewExecution(state: ThreadState): boolean {
    const { continueAsNewSuggested, historyLength } = workflowInfo()
    const every = state.settings.continue_as_new_every
    return continueAsNewSuggested || historyLength >= HISTORY_EVENTS || (every > 0 && state.commands >= every)
  }

  #isQuiet(state: ThreadState): boolean {
    return this.#effects.idle && this.#persister.idle(state) && allHandlersFinished()
  }
}

/** Time and randomness as data; both are the same when the history is replayed. */
function context(): Context {
  return { now: Date.now(), seed: uuid4() }
}
