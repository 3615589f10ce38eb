import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nextBatch, stored } from '../../src/thread/batch.ts'
import { evolve } from '../../src/thread/evolve.ts'
import { next } from '../../src/thread/next.ts'
import type { JsonObject } from '../../src/thread/json.ts'
import type { ThreadEvent } from '../../src/thread/event.ts'
import { toLogEvent } from '../../src/thread/envelope.ts'
import { inShort } from '../../src/thread/packed.ts'
import { emptyThread, fromStore, toSnapshot } from '../../src/thread/state-init.ts'
import type { ThreadState } from '../../src/thread/state.ts'
import { logProblems } from '../support/check-log.ts'
import { call, Given, SETTINGS } from './given.ts'

/**
 * Random lives of a thread. Each action is a choice of numbers that is read against whatever the thread is doing at
 * that moment, so that most of them mean something.
 */
type Action = { kind: (typeof KINDS)[number]; pick: number }
const KINDS = [
  'say',
  'front',
  'interrupt',
  'cancel',
  'decide',
  'deny',
  'answer',
  'model',
  'tools',
  'fail',
  'stop',
  'tool',
  'lose',
  'wait',
  'store',
  'restart',
] as const
const actions = fc.array(fc.record({ kind: fc.constantFrom(...KINDS), pick: fc.nat(99) }), { maxLength: 60, size: 'max' })

class Life {
  readonly thread = new Given(undefined, false)
  readonly log: ThreadEvent[] = []
  readonly delivered: string[] = []
  #seen = 0

  act({ kind, pick }: Action): void {
    const { thread } = this
    const run = thread.state.active_run_id === null ? undefined : thread.run()
    const calls = run?.calls.filter((known) => known.status !== 'done') ?? []
    const chosen = calls[pick % Math.max(1, calls.length)]
    switch (kind) {
      case 'say':
      case 'front': {
        const mode = kind === 'say' ? 'queue' : 'foreground'
        const more = run?.record.status === 'waiting' || pick % 4 > 0 ? {} : { agent_id: `agent-${String(pick % 3)}` }
        const result = thread.when({ type: 'submit', mode, messages: [{ role: 'user', content: String(pick) }], ...more })
        if ('message_ids' in result) this.delivered.push(...(result['message_ids'] as string[]))
        break
      }
      case 'interrupt':
        thread.when({ type: 'interrupt', mode: 'graceful', queue: (['keep', 'park', 'supersede'] as const)[pick % 3] ?? 'keep' })
        break
      case 'cancel': {
        const ids = Object.keys(thread.state.runs)
        thread.when({ type: 'cancel', ...(pick % 2 === 0 ? {} : { run_id: ids[pick % Math.max(1, ids.length)] ?? 'none' }) })
        break
      }
      case 'decide':
      case 'deny':
      case 'answer': {
        const payload: JsonObject =
          kind === 'deny'
            ? { approved: false }
            : kind === 'answer'
              ? { result: pick }
              : { approved: true, remember: pick % 5 === 0 }
        thread.when({ type: 'decision', action: 'resume', tool_call_id: chosen?.tool_call_id ?? 'none', payload })
        break
      }
      case 'model':
        if (run?.phase === 'model') thread.model()
        break
      case 'tools': {
        const plans = (['run', 'approve', 'external', 'reject'] as const).slice(pick % 3, (pick % 3) + 1 + (pick % 2))
        const step = String(run?.step ?? 0)
        if (run?.phase === 'model')
          thread.model({
            calls: plans.map((disposition) =>
              call(`${step}-${disposition}-${String(pick)}`, { disposition, repeatable: pick % 7 === 0 }),
            ),
          })
        break
      }
      case 'fail':
        if (run?.phase === 'model') thread.modelFails({ retryable: pick % 3 > 0 })
        break
      case 'stop':
        if (run?.phase === 'model') thread.modelStops(pick % 2 === 0)
        break
      case 'tool':
      case 'lose':
        if (chosen?.status === 'ready')
          thread.tool(
            chosen.tool_call_id,
            kind === 'tool' ? { kind: 'done', status: 'success' } : { kind: 'lost', error: 'gone' },
          )
        break
      case 'wait':
        thread.later(pick * 100)
        break
      case 'store':
        this.collect()
        this.store()
        break
      case 'restart': {
        this.collect()
        this.store()
        const loaded = {
          epoch: thread.state.epoch + 1,
          last_seq: thread.state.event_seq,
          snapshot: inShort(toSnapshot(thread.state)),
          ledger: [],
          settings: SETTINGS,
        }
        thread.state = fromStore({ tenant: 'default', thread_id: 't1' }, JSON.parse(JSON.stringify(loaded)) as typeof loaded)
        thread.report({ type: 'loaded' })
        break
      }
    }
    this.collect()
  }

  collect(): void {
    this.log.push(...this.thread.state.unstored.events.filter((event) => event.seq > this.#seen))
    this.#seen = this.thread.state.event_seq
  }

  store(): void {
    const batch = nextBatch(this.thread.state)
    if (batch !== null) this.thread.state = stored(this.thread.state, batch)
  }
}

function check(life: Life): void {
  const { state } = life.thread
  const committed = life.log.filter((event) => event.kind === 'MessageCommitted')
  const ids = committed.map((event) => event.payload.message_id)
  const undelivered = life.log.flatMap((event) => (event.kind === 'PendingUndelivered' ? [event.payload.pending_id] : []))
  for (const id of life.delivered) {
    const places = [ids.includes(id), undelivered.includes(id), state.queue.some((entry) => entry.pending_id === id)].filter(
      Boolean,
    )
    expect(places.length, `message ${id} is in exactly one place`).toBe(1)
  }
  const open = Object.values(state.runs).filter((run) => run.record.status !== 'created')
  expect(open.length, 'at most one open run').toBeLessThanOrEqual(1)
  expect(open.map((run) => run.record.run_id)).toEqual(state.active_run_id === null ? [] : [state.active_run_id])
  for (const run of Object.values(state.runs)) {
    const waiting = state.queue.some((entry) => entry.for_run_id === run.record.run_id)
    if (run.record.status === 'created') expect(waiting, 'a queued run has something to read').toBe(true)
  }
  expect(logProblems(life.log.map((event) => toLogEvent('t1', event)))).toEqual([])
  const wanted = next(state, life.thread.now)
  if (state.active_run_id === null) {
    if (!state.parked) expect(state.queue, 'a thread at rest has an empty queue, or a parked one').toEqual([])
  } else {
    const ticket = life.thread.run().calls.some((known) => known.status === 'waiting')
    expect(wanted.effects.length > 0 || wanted.wake_at !== null || ticket, 'an open run always has something to wait for').toBe(
      true,
    )
  }
}

/** What a fold of the log must give again; the rest is memory of how it came there. */
function facts({ ledger: _l, unstored: _u, commands: _c, epoch: _e, settings: _s, ...state }: ThreadState): object {
  return state
}

test('whatever happens, every message is accounted for, the log is whole, and the state is its fold', () => {
  fc.assert(
    fc.property(actions, (list) => {
      const life = new Life()
      for (const action of list) life.act(action)
      check(life)
      const folded = life.log.reduce(evolve, emptyThread('default', 't1', SETTINGS))
      expect(facts(folded)).toEqual(facts(life.thread.state))
    }),
    { numRuns: 2_000 },
  )
})

test('left alone with a working model, every thread comes to rest', () => {
  fc.assert(
    fc.property(actions, (list) => {
      const life = new Life()
      for (const action of list) life.act(action)
      for (let i = 0; life.thread.state.active_run_id !== null && i < 500; i++) {
        const run = life.thread.run()
        const open = run.calls.find((known) => known.status !== 'done')
        if (run.phase === 'model')
          life.act(run.not_before > life.thread.now ? { kind: 'wait', pick: 99 } : { kind: 'model', pick: 0 })
        else if (open?.status === 'ready') life.thread.tool(open.tool_call_id)
        else life.thread.when({ type: 'cancel' })
        life.collect()
      }
      expect(life.thread.state.active_run_id).toBeNull()
      check(life)
    }),
    { numRuns: 500 },
  )
})
