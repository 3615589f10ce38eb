import { describe, expect, test } from 'vitest'
import { next } from '../../src/thread/next.ts'
import { call, Given, refused } from './given.ts'

/** A running thread with these messages in its queue, by id. */
function queueOf(...ids: string[]): Given {
  const thread = new Given()
  thread.say('first')
  for (const id of ids) thread.say(id, { messages: [{ id, role: 'user', content: id }] })
  return thread
}
const ids = (thread: Given): string[] => thread.state.queue.map(({ pending_id }) => pending_id)
const message = { content: 'better' }

describe('editing a pending message', () => {
  test('counts its revision and the queue’s up, and keeps its place', () => {
    const thread = queueOf('a', 'b')
    const before = thread.state.queue_revision
    const by = { name: 'Ada' }
    const result = thread.when({ type: 'edit_pending', pending_id: 'a', message, expected_revision: 1, by })
    expect(result).toMatchObject({ pending: { pending_id: 'a', revision: 2, position: 1 }, queue_revision: before + 1 })
    expect(thread.events).toMatchObject([
      { kind: 'PendingEdited', payload: { revision: 2, role: 'user', content: 'better', edited_by: by, reason: 'edited' } },
    ])
  })

  test('needs the revision that was seen, and a conflict shows the present one', () => {
    const thread = queueOf('a')
    expect(refused(thread.when({ type: 'edit_pending', pending_id: 'a', message })).code).toBe('precondition_required')
    const refusal = refused(thread.when({ type: 'edit_pending', pending_id: 'a', message, expected_revision: 7 }))
    expect(refusal).toMatchObject({ code: 'revision_conflict', detail: { revision: 1, pending: { pending_id: 'a' } } })
    expect(thread.events).toEqual([])
  })

  test('comes too late once a run has read it, and says which and where', () => {
    const thread = queueOf('a')
    thread.model()
    const { run_id } = thread.run().record
    const refusal = refused(thread.when({ type: 'edit_pending', pending_id: 'a', message, expected_revision: 1 }))
    expect(refusal).toMatchObject({ code: 'already_consumed', detail: { run_id, step: 1, message_seq: 3 } })
  })

  test('names the step that read a steered message', () => {
    const thread = new Given()
    const run_id = thread.say('first')
    thread.model({ calls: [call('a')] })
    thread.say('hint', { mode: 'live_then_queue', messages: [{ id: 'h', role: 'user', content: 'hint' }] })
    thread.tool('a')
    const refusal = refused(thread.when({ type: 'retract_pending', pending_id: 'h', expected_revision: 1 }))
    expect(refusal).toMatchObject({ code: 'already_consumed', detail: { run_id, step: 2 } })
  })
})

describe('retracting a pending message', () => {
  test('answers with the entry as it was and ends a run that was queued for it alone', () => {
    const thread = queueOf('a', 'b')
    const run_id = thread.state.queue[0]?.for_run_id ?? ''
    const result = thread.when({ type: 'retract_pending', pending_id: 'a', expected_revision: 1 })
    expect(result).toMatchObject({ pending: { pending_id: 'a', revision: 1, run_id } })
    expect(ids(thread)).toEqual(['b'])
    expect(thread.ended(run_id).termination).toEqual({ type: 'cancelled' })
    const again = refused(thread.when({ type: 'retract_pending', pending_id: 'a', expected_revision: 1 }))
    expect(again).toMatchObject({ code: 'pending_gone', detail: { state: 'retracted' } })
  })

  test('lets go on what waited behind it', () => {
    const thread = new Given()
    thread.say('first')
    thread.model({ calls: [call('t', { disposition: 'approve' })] })
    const barrier = { boundary: 'new_run', granularity: 'batch', barrier: true, fallback_to_new_run: true } as const
    thread.say('stop', { messages: [{ id: 'stop', role: 'user', content: 'stop' }], delivery: barrier })
    thread.say('instead')
    expect(thread.run().record.status).toBe('waiting')
    thread.when({ type: 'retract_pending', pending_id: 'stop', expected_revision: 1 })
    expect(thread.run().record.status).toBe('running')
    expect(ids(thread)).toEqual([])
  })
})

describe('reordering the queue', () => {
  test('takes an exact permutation of the revision that was seen', () => {
    const thread = queueOf('a', 'b', 'c')
    const { queue_revision } = thread.state
    const order = (pending_ids: string[], expected?: number) =>
      thread.when({
        type: 'reorder_pending',
        pending_ids,
        ...(expected === undefined ? {} : { expected_queue_revision: expected }),
      })
    expect(refused(order(['c', 'b', 'a'])).code).toBe('precondition_required')
    expect(refused(order(['c', 'b', 'a'], 0))).toMatchObject({ code: 'revision_conflict', detail: { queue_revision } })
    for (const wrong of [
      ['a', 'b'],
      ['a', 'b', 'b'],
      ['a', 'b', 'x'],
      ['a', 'b', 'c', 'c'],
    ])
      expect(refused(order(wrong, queue_revision)).code).toBe('invalid_command')
    expect(order(['c', 'a', 'b'], queue_revision)).toMatchObject({ queue_revision: queue_revision + 1 })
    expect(ids(thread)).toEqual(['c', 'a', 'b'])
  })
})

describe('holding a pending message', () => {
  test('keeps it and what stands behind it in its lane from being read, for a time', () => {
    const thread = queueOf('a', 'b')
    thread.when({ type: 'hold_pending', pending_id: 'a', ttl_ms: 60_000 })
    thread.model()
    expect(thread.state.active_run_id).toBeNull()
    expect(next(thread.state, thread.now)).toMatchObject({ wake_at: thread.now + 60_000, close_at: null })
    thread.later(59_999)
    expect(thread.state.active_run_id).toBeNull()
    thread.later(1)
    expect(thread.kinds()).toEqual(expect.arrayContaining(['PendingReleased', 'RunStarted']))
    expect(thread.run().record.input.trigger_message_ids).toEqual(['a', 'b'])
  })

  test('ends when it is released, and again leaves what was before it alone', () => {
    const thread = queueOf('a', 'b')
    thread.when({ type: 'hold_pending', pending_id: 'b', ttl_ms: 60_000 })
    thread.model()
    expect(thread.run().record.input.trigger_message_ids).toEqual(['a'])
    thread.model()
    expect(thread.when({ type: 'release_pending', pending_id: 'b' })).toMatchObject({
      pending: { held_until: null, revision: 1 },
    })
    expect(thread.run().record.input.trigger_message_ids).toEqual(['b'])
  })

  test('a held message does not stand in the way of the other lane, but a held barrier does', () => {
    const thread = queueOf('a')
    thread.when({ type: 'hold_pending', pending_id: 'a', ttl_ms: 60_000 })
    const front = thread.say('now', { mode: 'foreground' })
    thread.modelStops(false)
    expect(thread.run().record.run_id).toBe(front)

    const blocked = new Given()
    blocked.say('first')
    const barrier = { boundary: 'new_run', granularity: 'batch', barrier: true, fallback_to_new_run: true } as const
    blocked.say('b', { messages: [{ id: 'b', role: 'user', content: 'b' }], delivery: barrier })
    blocked.when({ type: 'hold_pending', pending_id: 'b', ttl_ms: 60_000 })
    const result = blocked.when({ type: 'submit', mode: 'foreground', messages: [{ role: 'user', content: 'now' }] })
    expect(refused(result)).toMatchObject({ code: 'delivery_blocked', detail: { pending_id: 'b' } })
    expect(blocked.events).toEqual([])
    expect(blocked.run().stopping).toBeNull()
  })
})

describe('what a tool leaves behind', () => {
  test('its messages are read by its own run at the next step, its state by whoever comes after', () => {
    const thread = new Given()
    const run_id = thread.say('first')
    thread.model({ calls: [call('a')] })
    const messages = [{ role: 'user' as const, content: 'remember', visibility: 'internal' as const }]
    thread.tool('a', { kind: 'done', status: 'success', messages, state_patch: { seen: 1 } })
    expect(thread.state.shared).toEqual({ seen: 1 })
    expect(thread.all('MessageCommitted').at(-1)).toMatchObject({ run_id, payload: { read_by_step: 2, visibility: 'internal' } })
    thread.model()
    expect(thread.state).toMatchObject({ active_run_id: null, queue: [], shared: { seen: 1 } })
  })
})
