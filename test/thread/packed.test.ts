import { describe, expect, test } from 'vitest'
import { jsonSize } from '../../src/thread/json.ts'
import { expandBatch, nextBatch, queueOf, stored } from '../../src/thread/batch.ts'
import { packed, packedRun, runIdOf, unpacked, waitingSize } from '../../src/thread/packed.ts'
import { fromPredecessor, fromStore, toSnapshot } from '../../src/thread/state-init.ts'
import type { RunState, Snapshot, ThreadState } from '../../src/thread/state.ts'
import { Given } from './given.ts'

const REF = { tenant: 'default', thread_id: 't1' }
const through = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

function queued(length: number): Given {
  const thread = new Given()
  thread.say('running')
  for (let i = 0; i < length; i++) thread.say(`waiting ${String(i)}`)
  return thread
}

function again(snapshot: Snapshot): Snapshot {
  const { rest, ...waiting } = packed(snapshot)
  return unpacked(through({ ...rest, ...waiting }))
}

/** The same to the last key's place: what iterates over runs does it in one order in every life of the thread. */
function isAgain(state: ThreadState): void {
  const snapshot = toSnapshot(state)
  const unpackedAgain = again(snapshot)
  expect(unpackedAgain).toEqual(through(snapshot))
  expect(Object.keys(unpackedAgain.runs)).toEqual(Object.keys(snapshot.runs))
  expect(Object.values(state.runs).map((run) => runIdOf(packedRun(run)))).toEqual(Object.keys(snapshot.runs))
}

describe('what waits, in short', () => {
  test('takes a tenth of its room and is the same again', () => {
    const { state } = queued(200)
    const { waiting = '' } = packed(toSnapshot(state))
    expect(waiting.length).toBeLessThan(jsonSize([state.queue, state.runs]) / 10)
    isAgain(state)
  })

  test('is the same again whatever a message or a run has of its own', () => {
    const thread = queued(5)
    const overrides = { max_steps: 3, response_format: { type: 'json' } }
    const said = (more: object, message: object = {}) =>
      thread.when({ type: 'submit', mode: 'queue', messages: [{ role: 'user', content: 'x', ...message }], ...more } as never)
    said({ metadata: { of: 'run' }, overrides, transport_request_id: 't', parent_run_id: 'p', agent_id: 'other' })
    said({}, { metadata: { of: 'message', deep: [{ a: null }] }, visibility: 'internal' })
    said({ durable: true }, { id: 'ein-Schlüssel-"mit"-Zeichen' })
    said({ delivery: { boundary: 'new_run', granularity: 'one', barrier: true, fallback_to_new_run: false } })
    said({ mode: 'live_then_queue' })
    thread.when({
      type: 'submit',
      mode: 'queue',
      messages: [1, 2, 3].map((n) => ({ role: 'user', content: String(n) })),
    } as never)
    thread.later(7)
    const ids = thread.state.queue.map(({ pending_id }) => pending_id)
    thread.when({ type: 'hold_pending', pending_id: ids[1] ?? '', ttl_ms: 60_000 })
    const message = { content: 'y', metadata: { edited: true } }
    thread.when({ type: 'edit_pending', pending_id: ids[2] ?? '', message, expected_revision: 'any' })
    thread.when({ type: 'reorder_pending', pending_ids: ids.toReversed(), expected_queue_revision: 'any' })
    isAgain(thread.state)
    thread.when({ type: 'interrupt', mode: 'graceful', queue: 'keep' })
    isAgain(thread.state)
    thread.when({ type: 'retract_pending', pending_id: ids[0] ?? '', expected_revision: 'any' })
    isAgain(thread.state)
  })

  test('keeps what another version of the program has put in or left out', () => {
    const { state } = queued(3)
    const [open, first, second, third] = Object.values(state.runs) as [RunState, RunState, RunState, RunState]
    const { transport_request_id: _left, ...record } = first.record
    const odd = [
      { ...first, record },
      { ...second, added: { by: 'another' }, dispatch: { ...second.dispatch, max_attempts: 9 } },
      { ...third, record: { ...third.record, dispatch_id: 'odd' } },
    ] as unknown as RunState[]
    const runs = Object.fromEntries([open, ...odd].map((run) => [run.record.run_id, run]))
    const queue = state.queue.map((entry, n) => (n === 1 ? ({ ...entry, added: 1 } as typeof entry) : entry))
    isAgain({ ...state, runs, queue })
    const { overrides_key: _key, ...less } = queue[0] as NonNullable<(typeof queue)[0]>
    isAgain({ ...state, queue: [less as never, ...queue.slice(1)] })
  })

  test('an idle thread has nothing to pack', () => {
    const { state } = new Given()
    expect(packed(state)).toEqual({ rest: state })
  })
})

describe('a thread goes on', () => {
  test('from a snapshot and a hand-over that were written in full', () => {
    const { state } = queued(4)
    const loaded = { epoch: 1, last_seq: state.event_seq, ledger: [], settings: state.settings }
    const full = fromStore(REF, { ...loaded, snapshot: through(toSnapshot(state)) })
    const { rest, ...waiting } = packed(toSnapshot(state))
    expect(fromStore(REF, { ...loaded, snapshot: through({ ...rest, ...waiting }) })).toEqual(full)
    expect(full.needs_reconcile).toBeNull()
    expect(full.queue).toHaveLength(4)
    const travelling = packed(state)
    const { rest: without, ...more } = travelling
    expect(fromPredecessor(through({ ...without, ...more }))).toEqual(fromPredecessor(through(state)))
  })
})

describe('a batch', () => {
  const batchOf = (thread: Given) => {
    const batch = nextBatch(thread.state)
    if (batch === null) throw new Error('nothing to store')
    return expandBatch(through(batch))
  }
  const kept = (thread: Given): Given => {
    const batch = nextBatch(thread.state)
    if (batch !== null) thread.state = stored(thread.state, batch)
    return thread
  }

  test('brings the records of all that has changed, and the queue if that has', () => {
    const thread = queued(3)
    const first = batchOf(thread)
    expect(first.runs.map(({ record }) => record)).toEqual(Object.values(through(thread.state.runs)).map(({ record }) => record))
    expect(first.queue).toEqual(through(thread.state.queue))
    kept(thread)
    thread.when({ type: 'interrupt', mode: 'graceful', queue: 'supersede' })
    const second = batchOf(thread)
    expect(second.runs.filter(({ record }) => record.termination?.type === 'superseded')).toHaveLength(3)
    expect(second.queue).toEqual([])
  })

  test('leaves the queue alone when messages only pass through it, and knows it all the same', () => {
    const thread = kept(queued(3))
    const pending_id = thread.state.queue[0]?.pending_id ?? ''
    thread.when({ type: 'hold_pending', pending_id, ttl_ms: 60_000 })
    thread.when({ type: 'interrupt', mode: 'graceful', queue: 'keep' })
    kept(thread)
    for (let n = 0; n < 5 && thread.state.active_run_id !== null; n++) thread.later(10_000)
    kept(thread)
    expect(thread.state.active_run_id).toBeNull()
    const before = through(thread.state.queue)
    thread.when({ type: 'submit', mode: 'foreground', messages: [{ role: 'user', content: 'past them' }] } as never)
    expect(thread.state.unstored.events.map(({ kind }) => kind)).toContain('PendingDelivered')
    const batch = batchOf(thread)
    expect(batch.queue).toBeNull()
    expect(queueOf(batch)).toEqual(before)
  })

  test('counts the room as it is written', () => {
    const { state } = queued(50)
    expect(waitingSize(state)).toBeGreaterThan(packed(toSnapshot(state)).waiting?.length ?? 0)
    expect(waitingSize(state)).toBeLessThan(50 * 300)
  })
})
