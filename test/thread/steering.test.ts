import { describe, expect, test } from 'vitest'
import type { Command } from '../../src/thread/command.ts'
import type { Delivery } from '../../src/thread/pending.ts'
import { receive } from '../../src/thread/receive.ts'
import { call, Given, refused } from './given.ts'

/** Where several rules meet: holds and preflights, parks and replacements, one submit with several runs. */

const hello = { role: 'user' as const, content: 'hello' }
const PLAIN: Delivery = { boundary: 'new_run', granularity: 'batch', barrier: false, fallback_to_new_run: true }

function running(): Given {
  const thread = new Given()
  thread.say('first')
  return thread
}

describe('what stands in the way', () => {
  test('is named, also when somebody holds it', () => {
    const thread = running()
    thread.when({ type: 'submit', mode: 'live_then_queue', messages: [{ ...hello, id: 'hint' }] })
    thread.when({ type: 'hold_pending', pending_id: 'hint', ttl_ms: 5_000 })
    thread.model({ calls: [call('a', { disposition: 'approve' })] })
    const now: Command = { type: 'submit', mode: 'foreground', messages: [hello] }
    expect(refused(thread.when(now))).toMatchObject({ code: 'delivery_blocked', detail: { pending_id: 'hint' } })
    thread.now += 5_000
    expect(thread.when(now)).toMatchObject({ status: 'running' })
  })

  test('of a waiting run is not what waits for the end of it', () => {
    const thread = running()
    thread.say('at the end', { delivery: { ...PLAIN, boundary: 'on_natural_end' } })
    thread.model({ calls: [call('a', { disposition: 'approve' })] })
    thread.say('go on')
    expect(thread.run()).toMatchObject({ phase: 'model', record: { status: 'running' } })
    expect(thread.state.queue).toHaveLength(1)
    thread.model()
    expect(thread.state.queue).toEqual([])
  })

  test('is not parked with the message that parks it', () => {
    const thread = running()
    thread.say('first the barrier', { delivery: { ...PLAIN, barrier: true } })
    const parking: Command = { type: 'submit', mode: 'interrupt_then_queue', queue: 'park', messages: [hello] }
    expect(refused(thread.when(parking)).code).toBe('delivery_blocked')
  })
})

test('what is to become of the queue counts on an idle thread too', () => {
  const thread = running()
  const old = thread.say('old')
  const unparked = thread.state.queue_revision
  thread.when({ type: 'interrupt', mode: 'graceful', queue: 'park' })
  // Whoever looks at the queue by its revision sees that it is parked.
  expect(thread.state.queue_revision).toBe(unparked + 1)
  thread.modelStops(false)
  expect(thread.state).toMatchObject({ active_run_id: null, parked: true })
  const run_id = thread.say('new', { mode: 'interrupt_then_queue', queue: 'supersede' })
  expect(thread.run().record.run_id).toBe(run_id)
  expect(thread.ended(old).termination).toEqual({ type: 'superseded' })
  expect(thread.state).toMatchObject({ queue: [], parked: false })
})

test('messages that are read apart have a run each, with all that their submit said', () => {
  const thread = running()
  const messages = [hello, hello, hello]
  const delivery: Delivery = { ...PLAIN, granularity: 'one' }
  thread.when({ type: 'submit', mode: 'queue', messages, metadata: { order: 7 }, delivery })
  const runs = thread.state.queue.map(({ for_run_id }) => for_run_id)
  expect(new Set(runs).size).toBe(3)
  for (const run_id of runs) {
    thread.model()
    expect(thread.run().record).toMatchObject({ run_id, metadata: { order: 7 } })
  }
})

test('a submit is answered with the run that reads it, if that is known', () => {
  const thread = running()
  const old = thread.say('old')
  thread.when({ type: 'interrupt', mode: 'graceful', queue: 'park' })
  thread.modelStops(false)
  expect(thread.say('and this')).toBe(old)
})

test('a durable message is sent once, under whatever command ids', () => {
  // Its state is set from outside, so what it has seen itself is no whole log.
  const thread = new Given(undefined, false)
  const send = (command_id: string, content: string) => {
    const body = { command_id, durable: true, messages: [{ id: 'd', role: 'user', content }] }
    const received = receive(thread.state, 'submit', body, 'update', thread.context())
    thread.state = received.state
    return received.answer
  }
  const first = send('c1', 'hi')
  thread.model()
  for (let i = 0; i < 25; i++) {
    thread.say(`more ${String(i)}`)
    thread.model()
  }
  expect(send('c2', 'hi')).toEqual({ ...first, replayed: true })
  expect(send('c3', 'ho')).toMatchObject({ ok: false, rejection: { code: 'idempotency_conflict' } })
})
