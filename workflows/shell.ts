import { allHandlersFinished, CancellationScope, condition, setCurrentDetails, workflowInfo } from '@temporalio/workflow'
import { mayGoAlong, startsLate, type Begin, type ThreadInput } from '../src/thread/begin.ts'
import type { CommandInput, Input, Moment } from '../src/thread/input.ts'
import { HISTORY_EVENTS, WRITTEN_BYTES } from '../src/thread/limits.ts'
import { next, type Next } from '../src/thread/next.ts'
import type { LoadInput, Report, ThreadRef } from '../src/thread/ports.ts'
import { reject, type Answer } from '../src/thread/reply.ts'
import type { Reconciled } from '../src/thread/repair/ports.ts'
import { beyond, isBehind, mustAdopt } from '../src/thread/rules/adopt.ts'
import { fromPredecessor } from '../src/thread/state-init.ts'
import type { ThreadState } from '../src/thread/state.ts'
import { detailsView } from '../src/thread/view.ts'
import { Alarm } from './alarm.ts'
import { Effects } from './effects.ts'
import { Inbox, thisMoment } from './inbox.ts'
import { beginsAgain, canTravel, handOver, loadState, startOver, type Loaded } from './loading.ts'
import { Persister } from './persister.ts'
import { SearchAttributes } from './search-attributes.ts'

/**
 * How long an update waits for the thread, once the quick load has had its second, before it is refused (ms).
 *
 * No timer may be started while a local activity runs and be cancelled by what that brings. A task that carries a query
 * ends with its answer, so the timer can be in its history; a replay hears of the local activity earlier, takes timer and
 * cancellation for nothing, and finds a history that is not its own.
 */
const LOAD_WAIT_MS = 800
/** How long a repair waits for the thread to have taken the store's word, once the store is away (ms). */
const ADOPT_WAIT_MS = 10_000
/** An execution that began with a hand-over hands over to a newer version only after so many events, or it might do nothing else. */
const UPGRADE_EVENTS = 50
/** Ids of pending messages in the answer to a repair. */
const MAX_LOST_PENDING = 100

/**
 * Wires the pure core to Temporal: commands and reports go into it, effects come out of it. No rule stands here.
 * Handlers run to their end without awaiting once the state is loaded, so a command is applied in one piece.
 */
export class ThreadShell {
  #state: ThreadState | null = null
  #deleted = false
  /** The store knows better than this thread: see `reconcile`. */
  #doubted = false
  /** The store knows more than this thread: likewise. */
  #behind = false
  #lastAdopted: Pick<Reconciled, 'known_seq' | 'store_seq' | 'pending_ids'> | null = null
  /** It began with the state of a first run, and has not stored anything of its own. */
  #first = false
  /** The store did not give the thread at once, and is asked again and again. */
  #slow = false
  /** Something has changed since the loop last looked. */
  #changed = false
  readonly #ref: ThreadRef
  readonly #inbox = new Inbox()
  /** What came before the state was there, in order. An update's caller waits for its answer. */
  readonly #early: { input: Input; answered?: (answer: Answer) => void }[] = []
  readonly #effects = new Effects((report) => {
    this.#report(report)
  })
  readonly #persister = new Persister(this.#inbox, () => {
    this.#changed = true
  })
  readonly #wake = new Alarm(() => {
    this.#changed = true // a retry that is due changes no state, but what is wanted
    this.#report({ type: 'tick' })
  })
  /** Looks again without anything to report: at an idle thread, or for a hand-over in a task of its own. */
  readonly #look = { idle: new Alarm(() => (this.#changed = true)), handOver: new Alarm(() => (this.#changed = true)) }
  readonly #attributes = new SearchAttributes()

  constructor(ref: ThreadRef) {
    this.#ref = ref
  }

  /** A signal has no answer; before the state is loaded it waits its turn. */
  async signal(type: string, raw: unknown): Promise<void> {
    await this.#reportsFirst()
    const input = this.#inbox.command(type, raw, 'signal')
    if (this.#state === null) this.#early.push({ input })
    else this.#take(this.#state, input)
  }

  async update(type: string, raw: unknown): Promise<Answer> {
    await this.#reportsFirst()
    const input = this.#inbox.command(type, raw, 'update')
    return this.#state === null ? this.#answerOnceLoaded(input) : this.#answer(this.#state, input)
  }

  /**
   * A task brings commands before the reports of effects; here they come after them. A task whose worker has died may
   * have stored what a report led to, and the task that does it again brings also the commands of people who have seen
   * that: a decision on a ticket that is not there yet. Nothing but the rest of the same task is waited for.
   */
  async #reportsFirst(): Promise<void> {
    if (this.#state !== null) await this.#allHandedIn()
  }

  /** Conditions are looked at after every job of a task, but microtasks run only when all jobs have been handed in. */
  async #allHandedIn(): Promise<void> {
    let handedIn = false
    void Promise.resolve().then(() => (handedIn = true))
    await CancellationScope.nonCancellable(() => condition(() => handedIn))
  }

  view<T>(of: (state: ThreadState) => T): T | { loading: true } {
    return this.#state === null ? { loading: true } : of(this.#state)
  }

  /**
   * A repair tells how far the store's log goes. Where this thread knows more than the store, or has found it out of
   * step, it takes the store's word; one that knows less has lost a task with what had come in, and loads the rest. Any
   * other thread stays as it is. `only_if_behind`: so does one that knows more, since it was asked a moment ago.
   */
  async reconcile(last_seq: number, only_if_behind = false): Promise<Reconciled> {
    if (this.#state !== null && isBehind(this.#state, last_seq)) {
      this.#behind = true
      this.#changed = true
    }
    if (this.#state === null || only_if_behind || !mustAdopt(this.#state, last_seq)) return this.#reconciled(false)
    this.#doubted = true
    this.#changed = true
    await this.#untilOrSlow(() => !this.#doubted || this.#deleted, ADOPT_WAIT_MS)
    return this.#reconciled(!this.#doubted)
  }

  /** Lives the thread's life until it has nothing to do, or hands over to the next execution. */
  async run(input: ThreadInput): Promise<void> {
    const { state, inputs = [], first = false, handed_over } = input
    this.#inbox.carryOn(inputs)
    const again = beginsAgain()
    const late = startsLate(input, workflowInfo().startTime.getTime())
    this.#first = first && !again && !late
    if (state !== undefined && !again && !late) this.#enter(fromPredecessor(state))
    else await this.#begin(handed_over === true && !again ? undefined : { type: 'loaded' }, again)
    if (this.#state !== null) await this.#loop()
    await condition(allHandlersFinished)
  }

  /**
   * Takes the thread from the store as an execution begins. What has come by then goes along, so that what it leads to is
   * stored as well: of that nothing is known to anybody yet, and a load and a write of their own would be two waits.
   */
  async #begin(report: Report | undefined, again: boolean): Promise<void> {
    await this.#allHandedIn()
    const first: Input[] = report === undefined ? [] : [{ kind: 'report', report }]
    const waiting = this.#early.map(({ input }) => input)
    const inputs = [...first, ...waiting]
    const alone = again || this.#inbox.length > 0 || !mayGoAlong(inputs)
    const begin: Begin | undefined = alone ? undefined : { inputs, moment: thisMoment() }
    const loaded = await this.#fromStore(this.#ref, begin)
    if (loaded === null) {
      this.#deleted = true
      return
    }
    // After a long wait the clock has gone on, and nothing was stored with the loading.
    const moment = loaded.quick && begin !== undefined ? begin.moment : thisMoment()
    let state = this.#inbox.replay(loaded.state)
    for (const input of first) state = this.#inbox.take(state, input, moment).state
    this.#enter(this.#persister.begun(this.#takeEarly(state, waiting.length, moment), loaded.begun))
  }

  /** Takes the thread from the store once more, and on top of it what has come in and is not there yet. */
  async #load(): Promise<void> {
    this.#state = null
    const loaded = await this.#fromStore(this.#ref)
    if (loaded === null) this.#deleted = true
    else {
      const state = this.#inbox.replay(loaded.state)
      // Its start came late: another life has had the thread, and is gone with what it was doing.
      const late = this.#first && !this.#persister.hasStored
      this.#enter(late ? this.#inbox.take(state, { kind: 'report', report: { type: 'loaded' } }).state : state)
    }
  }

  async #fromStore(ref: LoadInput, begin?: Begin): Promise<Loaded | null> {
    const loaded = await loadState(ref, () => (this.#slow = true), begin)
    this.#slow = false
    return loaded
  }

  /** What came early is taken before the loop looks at the thread: it would find it idle, and a task would follow from that. */
  #enter(state: ThreadState): void {
    this.#state = this.#takeEarly(state, this.#early.length, thisMoment())
  }

  #takeEarly(state: ThreadState, count: number, moment: Moment): ThreadState {
    let current = state
    for (const { input, answered } of this.#early.splice(0, count)) {
      const taken = this.#inbox.take(current, input, moment)
      current = taken.state
      if (taken.answer !== null) answered?.({ ...taken.answer, degraded: this.#persister.degraded })
    }
    if (current !== state) this.#changed = true
    return current
  }

  /** Takes the store's word for what this thread is. What has come in and was never stored is applied once more. */
  async #adopt(state: ThreadState): Promise<void> {
    this.#state = null
    const stored = await this.#fromStore({ ...this.#ref, epoch: state.epoch })
    this.#doubted = false
    if (stored === null) {
      this.#deleted = true
      return
    }
    const { state: loaded } = stored
    const known = beyond(state, loaded)
    const { known_seq, store_seq } = known
    this.#lastAdopted = { known_seq, store_seq, pending_ids: known.pending_ids.slice(0, MAX_LOST_PENDING) }
    const input: Input = { kind: 'report', report: { type: 'adopted', beyond: known } }
    if (known_seq > store_seq) this.#enter(this.#inbox.replayAfter(loaded, input))
    else this.#enter(this.#inbox.take(this.#inbox.replay(loaded), input).state)
  }

  #reconciled(adopted: boolean): Reconciled {
    const known = adopted && this.#lastAdopted !== null ? this.#lastAdopted : { known_seq: 0, store_seq: 0, pending_ids: [] }
    return { adopted, ...known, needs_reconcile: this.#state?.needs_reconcile ?? null }
  }

  async #loop(): Promise<void> {
    for (;;) {
      this.#changed = false
      if (this.#persister.lost) {
        this.#persister.lost = false
        await this.#load()
      }
      if (this.#state === null) return
      const state = this.#persister.settle(this.#state)
      this.#state = state
      if (this.#behind && !this.#persister.writing) {
        this.#behind = false
        this.#persister.lost = false
        await this.#load()
        continue
      }
      if (this.#doubted && !this.#persister.writing) {
        await this.#adopt(state)
        continue
      }
      const wanted = this.#wantsNewExecution(state)
      // What is unstored travels with the state, if that can happen now and the state is not too large.
      const luggage = wanted && this.#effects.idle ? handOver(state, this.#inbox.unconfirmed()) : undefined
      const travels = luggage !== undefined && canTravel(luggage)
      if (!travels) this.#persister.start(state)
      const plan = next(state, Date.now())
      this.#effects.reconcile(plan.effects, this.#persister.idle(state) && !wanted)
      if (this.#changed) continue
      this.#attributes.update(state)
      setCurrentDetails(detailsView(state))
      if (wanted && this.#mayEnd() && (travels || this.#persister.idle(state))) await startOver(travels ? luggage : undefined)
      if (plan.close_at !== null && Date.now() >= plan.close_at && this.#mayEnd()) return
      this.#setAlarms(plan, wanted)
      await condition(() => this.#changed)
    }
  }

  #answer(state: ThreadState, input: Input): Answer {
    const answer = this.#take(state, input)
    if (answer === null) throw new Error('a command has an answer')
    return { ...answer, degraded: this.#persister.degraded }
  }

  async #answerOnceLoaded(input: CommandInput): Promise<Answer> {
    let answer: Answer | null = null
    const waiting = { input, answered: (given: Answer) => void (answer = given) }
    this.#early.push(waiting)
    await this.#untilOrSlow(() => answer !== null || this.#deleted, LOAD_WAIT_MS)
    if (answer !== null) return answer
    const rejection = this.#deleted
      ? reject('thread_deleted', 'This thread was deleted.')
      : reject(
          'store_unavailable',
          'The thread could not be loaded in time; send the command again, with the same id if it has one.',
        )
    // It is refused, so it must not be applied later, be it that the engine brings it again.
    this.#early[this.#early.indexOf(waiting)] = { input: { ...input, turned_away: rejection } }
    return { ok: false, rejection, event_seq: 0, replayed: false, degraded: false }
  }

  /** Waits for what follows from a load; if the store is away, so long and not longer. */
  #untilOrSlow(done: () => boolean, wait_ms: number): Promise<unknown> {
    const wait = async (): Promise<void> => {
      await condition(() => done() || this.#slow || (this.#persister.degraded && !this.#persister.quick))
      if (!done()) await condition(done, wait_ms)
    }
    // The root scope may be cancelled by now, and a wait in it would end at once.
    return CancellationScope.nonCancellable(wait)
  }

  #report(report: Report): void {
    if (this.#state === null) this.#early.push({ input: { kind: 'report', report } })
    else this.#take(this.#state, { kind: 'report', report })
  }

  /** Takes an input in. What has become unwanted is cancelled at once, whatever the loop is waiting for. */
  #take(state: ThreadState, input: Input): Answer | null {
    const taken = this.#inbox.take(state, input)
    if (taken.state !== state) {
      this.#state = taken.state
      this.#changed = true
      this.#effects.cancelUnwanted(next(taken.state, Date.now()).effects)
    }
    return taken.answer
  }

  #setAlarms(plan: Next, handOver: boolean): void {
    // The end of a local activity makes the loop look again, and may move the alarm: see LOAD_WAIT_MS.
    if (this.#persister.quick) return
    this.#wake.set(plan.wake_at)
    // One long timer that is not moved by every run: cancelling and starting it again would cost events each time.
    // While something is written its end makes the loop look again, and an alarm would ring on and on.
    if (this.#persister.writing) return
    if (plan.close_at !== null) this.#look.idle.setUnlessArmed(plan.close_at)
    if (handOver && this.#effects.idle && this.#state?.needs_reconcile === null)
      this.#look.handOver.setUnlessArmed(Date.now() + 1)
  }

  #wantsNewExecution(state: ThreadState): boolean {
    const { continueAsNewSuggested, historyLength, targetWorkerDeploymentVersionChanged, continuedFromExecutionRunId } =
      workflowInfo()
    const every = state.settings.continue_as_new_every
    return (
      continueAsNewSuggested ||
      // A newer version of this code is the current one. Where an operator holds the thread back, it is asked again and again.
      (targetWorkerDeploymentVersionChanged && (continuedFromExecutionRunId === undefined || historyLength >= UPGRADE_EVENTS)) ||
      historyLength >= HISTORY_EVENTS ||
      this.#persister.written >= WRITTEN_BYTES ||
      (every > 0 && state.commands >= every)
    )
  }

  /** A task that ends the execution is refused when more has come in, so it must not have written anything itself. */
  #mayEnd(): boolean {
    return this.#effects.idle && !this.#persister.touchedThisTask && allHandlersFinished()
  }
}
