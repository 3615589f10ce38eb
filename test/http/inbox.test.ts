import { describe, expect, it } from 'vitest'
import { openInbox } from '../../src/http/streams/inbox.ts'
import { createReceivedText } from '../../src/http/streams/received-text.ts'
import type { LiveFrame } from '../../src/live/bus.ts'
import { createInProcessBus } from '../../src/live/in-process.ts'

const delta = (offset: number, text: string): LiveFrame => ({
  type: 'delta',
  thread_id: 'x',
  run_id: 'r',
  step: 1,
  attempt: 1,
  kind: 'text',
  offset,
  delta: text,
})
const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

describe('an inbox', () => {
  it('drops what its reader does not take, and says so once', async () => {
    for (const [count, text] of [
      [2_500, 'x'],
      [20, 'x'.repeat(100_000)],
    ] as [number, string][]) {
      const bus = createInProcessBus()
      const inbox = openInbox(bus, 't', 'x', new AbortController().signal)
      for (let n = 0; n < count; n++) bus.publish('t', delta(n, text))
      bus.publish('t', { type: 'events', thread_id: 'x', last_seq: 7 })
      await tick()
      expect(await inbox.take(10)).toBe('lost')
      expect(inbox.lastSeq()).toBe(7)
      let left = 0
      for (let frame = await inbox.take(10); frame !== 'idle'; frame = await inbox.take(10)) left += 1
      expect(left).toBeLessThan(count)
    }
  })

  it('takes all of a long step at once, however large, for somebody who has just come', async () => {
    const bus = createInProcessBus()
    const inbox = openInbox(bus, 't', 'x', new AbortController().signal)
    const whole = delta(0, 'x'.repeat(4_000_000))
    for (const frame of [delta(0, 'before'), whole, delta(4_000_000, 'after')]) bus.publish('t', frame)
    await tick()
    expect([await inbox.take(10), await inbox.take(10)]).toEqual([delta(0, 'before'), whole])
    bus.publish('t', whole)
    bus.publish('t', whole)
    await tick()
    expect(await inbox.take(10)).toBe('lost')
  })

  it('wakes its reader for a frame, and when it is closed from either side', async () => {
    const bus = createInProcessBus()
    const gone = new AbortController()
    const inbox = openInbox(bus, 't', 'x', gone.signal)
    const taken = inbox.take(5_000)
    bus.publish('t', delta(0, 'x'))
    expect(await taken).toEqual(delta(0, 'x'))
    const last = inbox.take(5_000)
    gone.abort()
    expect([await last, await inbox.take(5_000)]).toEqual(['closed', 'closed'])
    expect(await openInbox(bus, 't', 'x', gone.signal).take(5_000)).toBe('closed')
  })
})

describe('received text', () => {
  it('tells what is new, what is missing and what is another text', () => {
    const received = createReceivedText()
    expect([received.accept(0, 'abc'), received.accept(1, 'bcd'), received.accept(9, 'x'), received.accept(0, 'ab')]).toEqual([
      'abc',
      'd',
      null,
      '',
    ])
    expect([received.complete('abXd and more'), received.complete('abc'), received.complete('abcdef'), received.length]).toEqual([
      null,
      '',
      'ef',
      6,
    ])
  })
})
