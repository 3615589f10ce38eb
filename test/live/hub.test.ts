import { describe, expect, it } from 'vitest'
import type { LiveFrame } from '../../src/live/bus.ts'
import { createHub } from '../../src/live/hub.ts'
import { createInProcessBus } from '../../src/live/in-process.ts'
import { collect, event } from './bus-contract.ts'

const step = { thread_id: 'x', run_id: 'r', step: 1, attempt: 1 }
const start: LiveFrame = { type: 'step_start', ...step, message_id: 'm' }
const delta = (kind: 'text' | 'reasoning', offset: number, text: string): LiveFrame => ({
  type: 'delta',
  ...step,
  kind,
  offset,
  delta: text,
})
const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

describe('the hub', () => {
  it('answers a sync with the open step so far', async () => {
    const bus = createHub(createInProcessBus())
    bus.publish('t', start)
    for (const frame of [delta('reasoning', 0, 'hm'), delta('text', 0, 'one '), delta('text', 4, 'two')]) bus.publish('t', frame)
    bus.publish('t', { type: 'tool_call_start', ...step, id: 'c', name: 'tool' })
    bus.publish('t', { type: 'tool_call_delta', ...step, id: 'c', offset: 0, args_delta: '{"a"' })
    bus.publish('t', { type: 'tool_call_delta', ...step, id: 'c', offset: 4, args_delta: ':1}' })
    await tick()
    const heard = collect(bus, 't', 'x')
    bus.publish('t', { type: 'sync', thread_id: 'x' })
    await heard.count(6)
    expect(heard.frames.slice(1)).toEqual([
      start,
      delta('reasoning', 0, 'hm'),
      delta('text', 0, 'one two'),
      { type: 'tool_call_start', ...step, id: 'c', name: 'tool' },
      { type: 'tool_call_delta', ...step, id: 'c', offset: 0, args_delta: '{"a":1}' },
    ])
  })

  it('forgets a step when it has ended, and only then', async () => {
    for (const kind of ['InferenceCompleted', 'RunFinished', 'RunErrored'] as const) {
      const bus = createHub(createInProcessBus())
      bus.publish('t', start)
      bus.publish('t', {
        type: 'events',
        thread_id: 'x',
        last_seq: 1,
        events: [event(1, '', 'RunQueued'), event(1, '', kind, 'another')],
      })
      await tick()
      expect(bus.openSteps()).toBe(1)
      bus.publish('t', { type: 'events', thread_id: 'x', last_seq: 2, events: [event(2, '', kind)] })
      await tick()
      expect(bus.openSteps()).toBe(0)
    }
  })

  it('keeps the step that began since, when word of the one before comes late', async () => {
    const bus = createHub(createInProcessBus())
    bus.publish('t', { ...start, step: 2 } as LiveFrame)
    bus.publish('t', { type: 'events', thread_id: 'x', last_seq: 2, events: [event(2, '', 'InferenceCompleted')] })
    await tick()
    expect(bus.openSteps()).toBe(1)
  })

  it('takes a new attempt for a new beginning, and a repeat for none', async () => {
    const bus = createHub(createInProcessBus())
    for (const frame of [start, delta('text', 0, 'old'), start, { ...start, attempt: 2 } as LiveFrame]) bus.publish('t', frame)
    await tick()
    const heard = collect(bus, 't', 'x')
    bus.publish('t', { type: 'sync', thread_id: 'x' })
    await tick()
    expect(heard.frames.slice(1)).toEqual([{ ...start, attempt: 2 }])
  })
})
