import type { SubmitCommand } from '../../../src/thread/command.ts'
import { resumable, walk, type Boundary, type Entry, type Reader, type Walk } from './select.ts'

/**
 * The mailbox as the design tells it, with plain lists. It is told what was commanded and what the effects reported,
 * works out by itself what must become of the messages and runs, and is then compared with the core.
 */
export type OpenRun = Reader & {
  stopping: boolean
  phase: 'model' | 'tools'
  calls: Map<string, 'ready' | 'waiting'>
  /** All it has read, in order. */
  input: string[]
}
export type Place = 'pending' | 'committed' | 'retracted' | 'undelivered'
export type End = 'coalesced' | 'superseded' | 'cancelled'
/** What one step must show in the core's events. */
export type Expected = {
  commits: { id: string; run: string | null }[]
  /** Queued runs that end, each in one of these ways. */
  ends: Map<string, Set<End>>
  started: boolean
  resumed: boolean
}

export const UNKNOWN = '?'

export class Mailbox {
  queue: Entry[] = []
  readonly places = new Map<string, Place>()
  /** Ids in the order in which they left the queue. */
  readonly gone: string[] = []
  readonly queued = new Map<string, { agent: string; overrides: string | null; left: Set<End> }>()
  open: OpenRun | null = null
  parked = false
  latestAgent: string | null = null
  now = 0
  expected: Expected = nothing()

  begin(now: number): void {
    this.now = now
    this.expected = nothing()
  }

  /** The open run as far as messages can still be meant for it. */
  live(): OpenRun | null {
    return this.open !== null && !this.open.stopping ? this.open : null
  }

  waiting(): boolean {
    const run = this.live()
    return run !== null && run.phase === 'tools' && run.calls.size > 0 && ![...run.calls.values()].includes('ready')
  }

  add(entry: Entry): void {
    this.queue.push(entry)
    this.places.set(entry.id, 'pending')
    if (entry.run !== null && !this.queued.has(entry.run) && this.open?.run_id !== entry.run)
      this.queued.set(entry.run, { agent: entry.agent, overrides: entry.overrides, left: new Set() })
  }

  /** Takes an entry out of the queue; its run ends if that was its last. */
  leave(entry: Entry, place: Place, end: End): void {
    this.queue = this.queue.filter((known) => known !== entry)
    this.places.set(entry.id, place)
    this.gone.push(entry.id)
    const run = entry.run === null ? undefined : this.queued.get(entry.run)
    if (run === undefined || entry.run === null) return
    run.left.add(end)
    if (this.queue.some((known) => known.run === entry.run)) return
    this.queued.delete(entry.run)
    this.expected.ends.set(entry.run, run.left)
  }

  supersede(): void {
    for (const entry of this.queue) this.leave(entry, 'undelivered', 'superseded')
  }

  /** The open run is to end; it has ended at once if it only waited. */
  stop(): void {
    if (this.open === null) return
    const ends = this.waiting()
    this.open.stopping = true
    if (ends) this.ended()
  }

  /** In the very move that ends a run, what was meant for it is settled. */
  ended(): void {
    const run = this.open
    if (run === null) return
    for (const entry of this.queue.filter((known) => known.wanted.target === run.run_id)) {
      if (entry.wanted.fallback) entry.wanted = { ...entry.wanted, boundary: 'new_run', target: null }
      else this.leave(entry, 'undelivered', 'cancelled')
    }
    this.open = null
    this.unparkIfEmpty()
  }

  /** Whatever can be read now is read: the end of every step. Replacements come before the queue, parked or not. */
  look(): void {
    this.unparkIfEmpty()
    if (this.open === null) this.#start('interrupt')
    if (this.open === null && !this.parked) this.#start('new_run')
    if (this.waiting()) this.#resume()
    this.unparkIfEmpty()
  }

  #start(at: 'interrupt' | 'new_run'): void {
    const { taken } = walk(this.queue, at, null, this.now)
    const first = taken[0]
    if (first === undefined) return
    const runs = taken.flatMap(({ run }) => (run !== null && this.queued.has(run) ? [run] : []))
    const taker = (at === 'interrupt' ? runs.at(-1) : runs[0]) ?? null
    const asked = taker === null ? first : (this.queued.get(taker) ?? first)
    if (taker !== null) this.queued.delete(taker)
    this.open = {
      run_id: taker ?? UNKNOWN,
      agent: asked.agent,
      overrides: asked.overrides,
      stopping: false,
      phase: 'model',
      calls: new Map(),
      input: [],
    }
    this.latestAgent = asked.agent
    this.expected.started = true
    for (const entry of taken) this.#read(entry, at === 'interrupt' ? 'superseded' : 'coalesced')
  }

  #resume(): void {
    const run = this.open
    if (run === null) return
    const taken = resumable(this.queue, run, this.now)
    if (taken.length === 0) return
    this.expected.resumed = true
    for (const entry of taken) this.#read(entry, 'coalesced')
    run.calls.clear()
    run.phase = 'model'
  }

  /** A step's results are in and the model is to be called again. */
  nextStep(): void {
    if (this.open === null) return
    this.open.phase = 'model'
    for (const entry of this.at('next_step').taken) this.#read(entry, 'coalesced')
  }

  /** The model is done. True if the same run goes on, since somebody had something to add. */
  naturalEnd(): boolean {
    const { taken } = this.at('on_natural_end')
    for (const entry of taken) this.#read(entry, 'coalesced')
    return taken.length > 0
  }

  at(boundary: Boundary): Walk {
    return walk(this.queue, boundary, this.open, this.now)
  }

  #read(entry: Entry, end: End): void {
    this.expected.commits.push({ id: entry.id, run: this.open?.run_id ?? null })
    this.open?.input.push(entry.id)
    this.leave(entry, 'committed', end)
  }

  unparkIfEmpty(): void {
    if (this.queue.length === 0) this.parked = false
  }
}

/** Overrides as text that is equal for equal overrides. */
export function overridesText(overrides: SubmitCommand['overrides']): string | null {
  return overrides === undefined ? null : JSON.stringify(overrides)
}

function nothing(): Expected {
  return { commits: [], ends: new Map(), started: false, resumed: false }
}
