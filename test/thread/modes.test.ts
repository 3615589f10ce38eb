import { describe, expect, test } from 'vitest'
import type { Command, SubmitMode } from '../../src/thread/command.ts'
import { isRejection } from '../../src/thread/decide.ts'
import { call, Given, refused } from './given.ts'

/** What a submit does, by mode and by what the thread is doing: the design's table, a test for each of its cells. */

type Doing = 'idle' | 'running' | 'waiting'

function threadThatIs(doing: Doing): { thread: Given; open: string } {
  const thread = new Given()
  const open = thread.say('first')
  if (doing === 'idle') thread.model()
  if (doing === 'waiting') thread.model({ calls: [call('a', { disposition: 'approve' })] })
  return { thread, open }
}

/** Who reads the message, and what the caller is told. */
const CELLS: [SubmitMode, Doing, 'own run, at once' | 'own run, later' | 'open run, at once' | 'open run, later' | 'refused'][] =
  [
    ['foreground', 'idle', 'own run, at once'],
    ['foreground', 'running', 'own run, later'],
    ['foreground', 'waiting', 'open run, at once'],
    ['queue', 'idle', 'own run, at once'],
    ['queue', 'running', 'own run, later'],
    ['queue', 'waiting', 'open run, at once'],
    ['live_then_queue', 'idle', 'own run, at once'],
    ['live_then_queue', 'running', 'open run, later'],
    ['live_then_queue', 'waiting', 'open run, at once'],
    ['interrupt_then_queue', 'idle', 'own run, at once'],
    ['interrupt_then_queue', 'running', 'own run, later'],
    ['interrupt_then_queue', 'waiting', 'own run, at once'],
    ['resume_open_run', 'idle', 'refused'],
    ['resume_open_run', 'running', 'open run, later'],
    ['resume_open_run', 'waiting', 'open run, at once'],
    ['internal_wake', 'idle', 'own run, at once'],
    ['internal_wake', 'running', 'own run, later'],
    ['internal_wake', 'waiting', 'own run, later'],
  ]

describe('a submit', () => {
  test.each(CELLS)('in mode %s on a thread that is %s: %s', (mode, doing, expected) => {
    const { thread, open } = threadThatIs(doing)
    const result = thread.when({ type: 'submit', mode, messages: [{ id: 'm', role: 'user', content: 'second' }] })
    if (expected === 'refused') {
      expect(refused(result).code).toBe('run_not_found')
      expect(thread.events).toEqual([])
      return
    }
    expect(isRejection(result)).toBe(false)
    const [who, when] = expected.split(', ')
    const { run_id, status } = result as { run_id: string; status: string }
    expect(run_id === open).toBe(who === 'open run')
    const committed = thread.all('MessageCommitted').find(({ payload }) => payload.message_id === 'm')
    if (when === 'at once') {
      expect(committed?.run_id).toBe(run_id)
      expect(thread.run().record).toMatchObject({ run_id, status: 'running' })
      expect(status).toBe('running')
    } else {
      expect(committed).toBeUndefined()
      expect(thread.state.queue).toMatchObject([{ pending_id: 'm' }])
      expect(status).toBe(who === 'open run' ? 'running' : 'queued')
    }
  })

  test.each([
    ['foreground', { boundary: 'interrupt', fallback_to_new_run: true }],
    ['queue', { boundary: 'new_run', fallback_to_new_run: true }],
    ['interrupt_then_queue', { boundary: 'interrupt', fallback_to_new_run: true }],
    ['internal_wake', { boundary: 'new_run', fallback_to_new_run: true }],
    ['live_then_queue', { boundary: 'next_step', target_run_id: 'OPEN', fallback_to_new_run: false }],
    ['resume_open_run', { boundary: 'next_step', target_run_id: 'OPEN', fallback_to_new_run: true }],
  ] as const)('in mode %s on a running thread is delivered so: %j', (mode, delivery) => {
    const { thread, open } = threadThatIs('running')
    thread.say('second', { mode })
    const target = 'target_run_id' in delivery ? { target_run_id: open } : {}
    expect(thread.state.queue[0]?.delivery).toEqual({ granularity: 'batch', barrier: false, ...delivery, ...target })
  })

  test('that interrupts goes before the kept queue, whether the run runs or waits', () => {
    for (const doing of ['running', 'waiting'] as const) {
      const { thread, open } = threadThatIs(doing)
      thread.say('kept', { mode: 'internal_wake' })
      const front = thread.say('now', { mode: 'interrupt_then_queue' })
      if (doing === 'running') thread.modelStops(true)
      expect(thread.ended(open).termination).toEqual({ type: 'cancelled' })
      expect(thread.run().record.run_id).toBe(front)
      expect(thread.state.queue).toHaveLength(1)
    }
  })

  test('by run goes to that run if it is open, else to the thread', () => {
    const { thread, open } = threadThatIs('running')
    expect(thread.say('a hint', { mode: 'live_then_queue', run_id: open })).toBe(open)
    expect(thread.say('a hint', { mode: 'live_then_queue', run_id: 'another' })).not.toBe(open)
    const other = thread.when({ type: 'submit', mode: 'resume_open_run', run_id: 'another', messages: [hello] })
    expect(refused(other).code).toBe('run_not_found')
  })

  test('to a run that is being stopped waits for the next', () => {
    const { thread, open } = threadThatIs('running')
    thread.when({ type: 'interrupt', mode: 'graceful', queue: 'keep' })
    const next = thread.say('a hint', { mode: 'live_then_queue' })
    expect(next).not.toBe(open)
    thread.modelStops(true)
    expect(thread.run().record.run_id).toBe(next)
  })

  test('into an open run must be for its agent and bring no overrides of its own', () => {
    const { thread } = threadThatIs('waiting')
    for (const more of [{ agent_id: 'other' }, { overrides: { max_steps: 3 } }]) {
      const result = thread.when({ type: 'submit', mode: 'queue', messages: [hello], ...more })
      expect(refused(result).code).toBe('agent_conflict')
    }
  })

  test('without an agent goes to that of the latest started run', () => {
    const thread = new Given()
    thread.say('one', { agent_id: 'writer' })
    thread.say('queued', { agent_id: 'critic' })
    thread.say('two')
    expect(thread.state.queue.map(({ agent_id }) => agent_id)).toEqual(['critic', 'writer'])
  })

  test('that is durable has a run named after its message, and a repeat is that run', () => {
    const { thread } = threadThatIs('waiting')
    const messages = [{ ...hello, id: 'd1' }]
    const command: Command = { type: 'submit', mode: 'queue', durable: true, messages }
    expect(thread.when(command)).toMatchObject({ run_id: 'durable-msg-d1', status: 'queued' })
    expect(thread.when(command)).toMatchObject({ run_id: 'durable-msg-d1', message_ids: ['d1'] })
    expect(thread.state.queue).toHaveLength(1)
  })

  test('that is durable is read by its own run, whatever stands beside it', () => {
    const { thread } = threadThatIs('running')
    const first = thread.say('before')
    thread.when({ type: 'submit', mode: 'queue', durable: true, messages: [{ ...hello, id: 'd1' }] })
    const last = thread.say('after')
    const read: string[] = []
    for (let i = 0; i < 4; i++) {
      read.push(thread.run().record.run_id)
      thread.model()
    }
    expect(read.slice(1)).toEqual([first, 'durable-msg-d1', last])
  })

  test('that wakes a thread is not for people to see', () => {
    const { thread } = threadThatIs('idle')
    thread.say('look again', { mode: 'internal_wake' })
    expect(thread.all('MessageCommitted').at(-1)?.payload).toMatchObject({ visibility: 'internal', role: 'user' })
  })
})

describe('an explicit delivery', () => {
  test('of new_run waits on a waiting thread', () => {
    const { thread } = threadThatIs('waiting')
    thread.say('later', { delivery: { boundary: 'new_run', granularity: 'batch', barrier: false, fallback_to_new_run: true } })
    expect(thread.run().record.status).toBe('waiting')
    expect(thread.state.queue).toHaveLength(1)
  })

  test('of resume_input resumes the waiting run, now or as soon as it waits', () => {
    const delivery = { boundary: 'resume_input', granularity: 'batch', barrier: false, fallback_to_new_run: true } as const
    const { thread, open } = threadThatIs('running')
    expect(thread.say('instead of deciding', { delivery })).toBe(open)
    thread.model({ calls: [call('a', { disposition: 'approve' })] })
    expect(thread.run()).toMatchObject({ phase: 'model', step: 2, record: { status: 'running' } })
    expect(thread.state.queue).toEqual([])
  })

  test('for a run that is not open falls to a new run, or is refused where it may not', () => {
    const { thread } = threadThatIs('idle')
    const gone = { boundary: 'next_step', granularity: 'batch', barrier: false, target_run_id: 'gone' } as const
    const refusal = thread.when({
      type: 'submit',
      mode: 'queue',
      messages: [hello],
      delivery: { ...gone, fallback_to_new_run: false },
    })
    expect(refused(refusal).code).toBe('run_not_found')
    const run_id = thread.say('then so', { delivery: { ...gone, fallback_to_new_run: true } })
    expect(thread.run().record.run_id).toBe(run_id)
  })

  test('one by one gives each message a run, with the overrides it came with', () => {
    const { thread } = threadThatIs('running')
    const messages = ['a', 'b'].map((id) => ({ id, role: 'user' as const, content: id }))
    const delivery = { boundary: 'new_run', granularity: 'one', barrier: false, fallback_to_new_run: true } as const
    thread.when({ type: 'submit', mode: 'queue', messages, delivery, overrides: { max_steps: 3 } })
    thread.model()
    expect(thread.run().record).toMatchObject({ input: { trigger_message_ids: ['a'] }, overrides: { max_steps: 3 } })
    thread.model()
    expect(thread.run().record).toMatchObject({ input: { trigger_message_ids: ['b'] }, overrides: { max_steps: 3 } })
  })

  test('untargeted and taken by the open run ends its own run coalesced', () => {
    const { thread, open } = threadThatIs('running')
    const delivery = { boundary: 'on_natural_end', granularity: 'batch', barrier: false, fallback_to_new_run: true } as const
    const own = thread.say('and then', { delivery })
    thread.model()
    expect(thread.run().record).toMatchObject({ run_id: open, input: { trigger_message_ids: { length: 2 } } })
    expect(thread.ended(own).termination).toEqual({ type: 'coalesced', value: open })
  })
})

describe('a waiting run that goes on with input', () => {
  test('takes in what was steered to its next step as well', () => {
    const { thread, open } = threadThatIs('running')
    thread.say('a hint', { mode: 'live_then_queue' })
    thread.model({ calls: [call('a', { disposition: 'approve' })] })
    thread.say('instead')
    expect(thread.run().record).toMatchObject({ run_id: open, input: { trigger_message_ids: { length: 3 } } })
    expect(thread.state.queue).toEqual([])
  })

  test('refuses a foreground message that could not be read, whatever is to become of the queue', () => {
    const { thread } = threadThatIs('waiting')
    const delivery = { boundary: 'new_run', granularity: 'batch', barrier: true, fallback_to_new_run: true } as const
    thread.say('stands before it', { delivery })
    const result = thread.when({ type: 'submit', mode: 'foreground', queue: 'supersede', messages: [hello] })
    expect(refused(result).code).toBe('delivery_blocked')
    expect(thread.events).toEqual([])
  })

  test('does not go on with a hint alone', () => {
    const { thread, open } = threadThatIs('waiting')
    const delivery = { boundary: 'next_step', granularity: 'batch', barrier: false, target_run_id: open } as const
    thread.say('once you go on', { delivery: { ...delivery, fallback_to_new_run: true } })
    expect(thread.run().record.status).toBe('waiting')
    thread.when({ type: 'decision', tool_call_id: 'a', action: 'cancel' })
    expect(thread.run().record.input.trigger_message_ids).toHaveLength(2)
  })
})

describe('when the run that a message is meant for ends', () => {
  test('it is undelivered, or turned to a new run in its place', () => {
    const { thread, open } = threadThatIs('running')
    thread.say('a hint', { mode: 'live_then_queue' })
    thread.say('more', { mode: 'resume_open_run' })
    thread.say('queued')
    thread.when({ type: 'cancel', run_id: open })
    thread.modelStops(true)
    expect(thread.all('PendingUndelivered')).toMatchObject([{ run_id: open, payload: { reason: 'its run ended' } }])
    expect(thread.all('PendingEdited')).toMatchObject([
      { payload: { reason: 'target_ended', delivery: { boundary: 'new_run' } } },
    ])
    expect(thread.run().record.input.trigger_message_ids).toHaveLength(2)
  })
})

test('a message that falls back to a new run keeps its overrides', () => {
  const thread = new Given()
  const overrides = { max_steps: 9 }
  thread.say('first', { overrides })
  thread.say('more', { mode: 'resume_open_run', overrides })
  thread.when({ type: 'cancel' })
  thread.modelStops(false)
  expect(thread.run().record.overrides).toEqual(overrides)
})

const hello = { role: 'user', content: 'hello' } as const
