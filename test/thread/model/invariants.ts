import type { ThreadEvent } from '../../../src/thread/event.ts'
import { evolve } from '../../../src/thread/evolve.ts'
import { emptyThread } from '../../../src/thread/state-init.ts'
import type { ThreadState } from '../../../src/thread/state.ts'
import { SETTINGS } from '../given.ts'

/** What must hold whatever the mailbox does: numbers without gaps, one place for a message, the state is its log's fold. */
export class Invariants {
  #seq = 0
  #messageSeq = 0
  #folded = emptyThread('default', 't1', SETTINGS)
  readonly places = new Map<string, 'pending' | 'committed' | 'retracted' | 'undelivered'>()
  readonly #committed = new Set<string>()
  readonly #runs = new Map<string, 'queued' | 'started' | 'ended'>()
  pending = 0

  event(event: ThreadEvent): void {
    this.#seq += 1
    if (event.seq !== this.#seq)
      throw new Error(`event ${String(event.seq)} (${event.kind}) comes where ${String(this.#seq)} should`)
    this.#folded = evolve(this.#folded, event)
    this.#run(event)
    switch (event.kind) {
      case 'PendingDelivered':
        this.pending += 1
        if (this.places.has(event.payload.pending_id)) throw new Error(`${event.payload.pending_id} was delivered twice`)
        this.places.set(event.payload.pending_id, 'pending')
        return
      case 'MessageCommitted': {
        const { message_id, message_seq } = event.payload
        this.#messageSeq += 1
        if (message_seq !== this.#messageSeq)
          throw new Error(`message ${String(message_seq)} comes where ${String(this.#messageSeq)} should`)
        if (this.#committed.has(message_id)) throw new Error(`${message_id} was committed twice`)
        this.#committed.add(message_id)
        if (this.places.has(message_id)) this.#left(message_id, 'committed')
        return
      }
      case 'PendingUndelivered':
        this.#left(event.payload.pending_id, 'undelivered')
        return
      case 'PendingRetracted':
        this.#left(event.payload.pending_id, 'retracted')
        return
      case 'PendingEdited':
      case 'PendingHeld':
      case 'PendingReleased':
        if (this.places.get(event.payload.pending_id) !== 'pending')
          throw new Error(`${event.kind} of ${event.payload.pending_id}, which is not pending`)
        return
      default:
    }
  }

  #left(id: string, place: 'committed' | 'retracted' | 'undelivered'): void {
    if (this.places.get(id) !== 'pending') throw new Error(`${id} became ${place}, and was ${String(this.places.get(id))}`)
    this.places.set(id, place)
    this.pending -= 1
  }

  #run({ run_id, kind }: ThreadEvent): void {
    if (run_id === null || kind.startsWith('Pending')) return
    const before = this.#runs.get(run_id)
    if (before === 'ended') throw new Error(`${kind} after the end of ${run_id}`)
    if ((kind === 'RunQueued') !== (before === undefined))
      throw new Error(`${kind} of ${run_id}, which is ${before ?? 'unknown'}`)
    if (kind === 'RunStarted' && before !== 'queued') throw new Error(`${run_id} started twice`)
    if (kind === 'RunQueued') this.#runs.set(run_id, 'queued')
    if (kind === 'RunStarted') this.#runs.set(run_id, 'started')
    if (kind === 'RunFinished' || kind === 'RunErrored') this.#runs.set(run_id, 'ended')
  }

  after(state: ThreadState): void {
    if (state.event_seq !== this.#seq)
      throw new Error(`the state counts ${String(state.event_seq)} events, the log has ${String(this.#seq)}`)
    if (state.message_seq !== this.#messageSeq) throw new Error('the state and the log count messages differently')
    if (state.queue.length !== this.pending) throw new Error('the queue does not hold what is pending')
    for (const { pending_id } of state.queue)
      if (this.places.get(pending_id) !== 'pending')
        throw new Error(`${pending_id} is queued and ${String(this.places.get(pending_id))}`)
    const differs = difference(facts(this.#folded), facts(state), 'state')
    if (differs !== null) throw new Error(`the log's fold is not the state: ${differs}`)
  }

  /** Nothing is left to happen: no run is queued or open, and no message pending. */
  atRest(state: ThreadState): void {
    for (const [run_id, was] of this.#runs) if (was !== 'ended') throw new Error(`${run_id} is ${was} at the end`)
    if (state.queue.length > 0) throw new Error(`${String(state.queue.length)} messages are pending at the end`)
    for (const [id, place] of this.places) if (place === 'pending') throw new Error(`${id} is pending at the end`)
  }
}

/** What a fold of the log must give again; the rest is memory of how it came there. */
export function facts({ ledger: _l, unstored: _u, commands: _c, epoch: _e, settings: _s, ...state }: ThreadState): object {
  return state
}

/** The first place at which two JSON values differ, or null. A field that is undefined is a field that is not there. */
export function difference(a: unknown, b: unknown, at: string): string | null {
  if (a === b) return null
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return `${at}: ${String(a)} and ${String(b)}`
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  for (const key in left) {
    const found = difference(left[key], right[key], `${at}.${key}`)
    if (found !== null) return found
  }
  for (const key in right) if (right[key] !== undefined && left[key] === undefined) return `${at}.${key} is missing`
  return null
}
