import { describe, expect, test } from 'vitest'
import { selectPendingForFreeze, type Delivery } from '../../src/thread/pending.ts'
import { call, Given, refused } from './given.ts'

describe('the queue', () => {
  test('messages queued behind a run are read together by the next, and the other runs end coalesced', () => {
    const thread = new Given()
    thread.say('one')
    const second = thread.say('two')
    const third = thread.say('three')
    thread.model()
    expect(thread.run().record.run_id).toBe(second)
    expect(thread.run().record.input.trigger_message_ids).toHaveLength(2)
    expect(thread.ended(third).termination).toEqual({ type: 'coalesced', value: second })
  })

  test('a batch stops where the agent changes', () => {
    const thread = new Given()
    thread.say('one')
    const second = thread.say('two', { agent_id: 'writer' })
    thread.say('three', { agent_id: 'critic' })
    thread.model()
    expect(thread.run().record).toMatchObject({ run_id: second, agent_id: 'writer' })
    expect(thread.state.queue).toHaveLength(1)
  })

  test('a foreground message replaces the open run and goes before the queue', () => {
    const thread = new Given()
    const first = thread.say('one')
    thread.say('queued')
    const front = thread.say('now', { mode: 'foreground' })
    thread.modelStops(true)
    expect(thread.ended(first).termination).toEqual({ type: 'cancelled' })
    expect(thread.run().record.run_id).toBe(front)
    expect(thread.state.queue).toHaveLength(1)
  })

  test('of two foreground messages the later one answers both', () => {
    const thread = new Given()
    thread.say('one')
    const earlier = thread.say('two', { mode: 'foreground' })
    const later = thread.say('three', { mode: 'foreground' })
    thread.modelStops(false)
    expect(thread.run().record).toMatchObject({ run_id: later, input: { trigger_message_ids: { length: 2 } } })
    expect(thread.ended(earlier).termination).toEqual({ type: 'superseded', value: later })
  })

  test('a message to a waiting run answers in the tickets’ stead, and the run goes on', () => {
    const thread = new Given()
    const run_id = thread.say('one')
    thread.model({ calls: [call('a', { disposition: 'approve' })] })
    expect(thread.say('do something else')).toBe(run_id)
    expect(thread.all('ToolCallCancelled')[0]?.payload.reason).toContain('the user wrote instead')
    expect(thread.run()).toMatchObject({ phase: 'model', step: 2, record: { status: 'running' } })
  })

  test('another agent cannot take over a waiting run', () => {
    const thread = new Given()
    thread.say('one')
    thread.model({ calls: [call('a', { disposition: 'approve' })] })
    const result = thread.when({ type: 'submit', mode: 'queue', agent_id: 'writer', messages: [{ role: 'user', content: 'x' }] })
    expect(refused(result).code).toBe('agent_conflict')
  })

  test('a message id that waits already is refused', () => {
    const thread = new Given()
    thread.say('one')
    const message = { id: 'm1', role: 'user' as const, content: 'x' }
    thread.when({ type: 'submit', mode: 'queue', messages: [message] })
    expect(refused(thread.when({ type: 'submit', mode: 'queue', messages: [message] })).code).toBe('message_id_conflict')
  })
})

describe('selectPendingForFreeze', () => {
  const entry = (pending_id: string, delivery: Partial<Delivery>) => ({
    pending_id,
    delivery: {
      boundary: 'new_run' as const,
      granularity: 'batch' as const,
      barrier: false,
      fallback_to_new_run: true,
      ...delivery,
    },
  })

  test('a missed opportunity falls forward, never backward', () => {
    expect(selectPendingForFreeze([entry('a', { boundary: 'next_step' })], 'on_natural_end')).toEqual([0])
    expect(selectPendingForFreeze([entry('a', { boundary: 'on_natural_end' })], 'next_step')).toEqual([])
  })

  test('resume_input matches only itself', () => {
    expect(selectPendingForFreeze([entry('a', { boundary: 'resume_input' })], 'resume_input')).toEqual([0])
    expect(selectPendingForFreeze([entry('a', { boundary: 'interrupt' })], 'resume_input')).toEqual([])
    expect(selectPendingForFreeze([entry('a', { boundary: 'resume_input', fallback_to_new_run: false })], 'new_run')).toEqual([])
  })

  test('at an active-run boundary new_run entries are stepped over, but not their barriers', () => {
    expect(selectPendingForFreeze([entry('a', {}), entry('b', { boundary: 'next_step' })], 'next_step')).toEqual([1])
    expect(selectPendingForFreeze([entry('a', { barrier: true }), entry('b', { boundary: 'next_step' })], 'next_step')).toEqual(
      [],
    )
  })

  test('an eligible barrier stands still behind a skipped entry, and ends the walk when taken', () => {
    const steer = { boundary: 'next_step' as const }
    expect(selectPendingForFreeze([entry('a', {}), entry('b', { ...steer, barrier: true })], 'next_step')).toEqual([])
    expect(selectPendingForFreeze([entry('a', { ...steer, barrier: true }), entry('b', steer)], 'next_step')).toEqual([0])
  })

  test('an entry of granularity one is taken alone', () => {
    expect(selectPendingForFreeze([entry('a', { granularity: 'one' }), entry('b', {})], 'new_run')).toEqual([0])
    expect(selectPendingForFreeze([entry('a', {}), entry('b', { granularity: 'one' })], 'new_run')).toEqual([0])
  })

  test('a target binds an entry to its run, and to the next run only with fallback', () => {
    const targeted = { boundary: 'next_step' as const, target_run_id: 'r1' }
    expect(selectPendingForFreeze([entry('a', targeted)], 'next_step', 'r1')).toEqual([0])
    expect(selectPendingForFreeze([entry('a', targeted)], 'next_step', 'r2')).toEqual([])
    expect(selectPendingForFreeze([entry('a', targeted)], 'new_run', 'r2')).toEqual([0])
    expect(
      selectPendingForFreeze([entry('a', { ...targeted, fallback_to_new_run: false }), entry('b', {})], 'new_run', 'r2'),
    ).toEqual([1])
  })
})

describe('a parked queue', () => {
  function parked(): { thread: Given; second: string } {
    const thread = new Given()
    thread.say('first')
    const second = thread.say('second')
    thread.when({ type: 'interrupt', mode: 'graceful', queue: 'park' })
    thread.modelStops(false)
    expect(thread.state).toMatchObject({ active_run_id: null, parked: true })
    return { thread, second }
  }

  test('goes on when it is told to', () => {
    const { thread, second } = parked()
    expect(thread.when({ type: 'resume_queue' })).toMatchObject({ resumed: true, pending: 0, run_id: second })
    expect(thread.kinds()).toEqual(expect.arrayContaining(['QueueResumed', 'RunStarted']))
    expect(thread.when({ type: 'resume_queue' })).toMatchObject({ resumed: false })
  })

  test('stays when an interrupt keeps it, and when somebody steers', () => {
    const { thread } = parked()
    thread.when({ type: 'interrupt', mode: 'graceful', queue: 'keep' })
    expect(thread.state.active_run_id).toBeNull()
    thread.say('a hint', { mode: 'live_then_queue' })
    expect(thread.state).toMatchObject({ active_run_id: null, queue: { length: 2 } })
  })

  test('goes on with the next message', () => {
    const { thread, second } = parked()
    thread.say('go on')
    expect(thread.run().record).toMatchObject({ run_id: second, input: { trigger_message_ids: { length: 2 } } })
  })

  test('is not parked any more once it holds nothing', () => {
    const { thread } = parked()
    thread.when({ type: 'interrupt', mode: 'graceful', queue: 'supersede' })
    expect(thread.state).toMatchObject({ parked: false, queue: [] })
    const run_id = thread.say('a hint', { mode: 'live_then_queue' })
    expect(thread.run().record.run_id).toBe(run_id)
  })
})
