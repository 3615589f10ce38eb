import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { LiveBus, LiveFrame } from '../../src/live/bus.ts'
import type { LogEvent } from '../../src/thread/envelope.ts'

/** Two ends of one bus: the same object, or two processes' own. `close` ends what serves them. */
export type Ends = { near: LiveBus; far: LiveBus; close(): Promise<void> }

/** What every bus must do. */
export function describeBus(name: string, open: () => Promise<Ends>): void {
  describe(name, () => {
    let ends: Ends
    let thread = 0
    let thread_id = ''
    beforeAll(async () => {
      ends = await open()
    }, 60_000)
    afterAll(async () => {
      await ends.near.close()
      await ends.far.close()
      await ends.close()
    })
    beforeEach(() => {
      thread += 1
      thread_id = `thread-${String(thread)}`
    })
    const delta = (offset: number, text: string): LiveFrame => ({
      type: 'delta',
      thread_id,
      run_id: 'r',
      step: 1,
      attempt: 1,
      kind: 'text',
      offset,
      delta: text,
    })

    it('delivers frames in order, to every subscriber of the thread and to nobody else', async () => {
      const [first, second, other] = [
        collect(ends.far, 't', thread_id),
        collect(ends.far, 't', thread_id),
        collect(ends.far, 'u', thread_id),
      ]
      const elsewhere = collect(ends.far, 't', 'elsewhere')
      const frames = Array.from({ length: 50 }, (_none, n) => delta(n, 'x'))
      for (const frame of frames) ends.near.publish('t', frame)
      await first.count(50)
      await second.count(50)
      expect(first.frames).toEqual(frames)
      expect(second.frames).toEqual(frames)
      expect([...other.frames, ...elsewhere.frames]).toEqual([])
    })

    it('hears its own frames, and never on the publisher’s stack', async () => {
      const own = collect(ends.near, 't', thread_id)
      ends.near.publish('t', delta(0, 'x'))
      expect(own.frames).toEqual([])
      await own.count(1)
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(own.frames).toHaveLength(1)
    })

    it('delivers nothing after unsubscribing, and each subscription ends by itself', async () => {
      const frames: LiveFrame[] = []
      const listener = (frame: LiveFrame): void => void frames.push(frame)
      const stop = ends.far.subscribe('t', thread_id, listener)
      const stay = ends.far.subscribe('t', thread_id, listener)
      stop()
      stop()
      const last = collect(ends.far, 't', thread_id)
      ends.near.publish('t', delta(0, 'x'))
      await last.count(1)
      expect(frames).toHaveLength(1)
      stay()
    })

    it('is not stopped by a listener that throws', async () => {
      ends.far.subscribe('t', thread_id, () => {
        throw new Error('a listener’s own fault')
      })
      const after = collect(ends.far, 't', thread_id)
      ends.near.publish('t', delta(0, 'x'))
      await after.count(1)
    })

    it('carries deltas of any length, whole', async () => {
      const far = collect(ends.far, 't', thread_id)
      const text = 'aé\u0000"\\😀'.repeat(4_000)
      ends.near.publish('t', delta(7, text))
      ends.near.publish('t', {
        type: 'tool_call_delta',
        thread_id,
        run_id: 'r',
        step: 1,
        attempt: 1,
        id: 'c',
        offset: 0,
        args_delta: text,
      })
      await far.until(() => texts(far.frames, 'delta') === text && texts(far.frames, 'tool_call_delta') === text)
      let offset = 7
      for (const frame of far.frames) {
        if (frame.type !== 'delta') continue
        expect(frame.offset).toBe(offset)
        offset += frame.delta.length
      }
    })

    it('tells how far the log goes, with the events or without those that are too large', async () => {
      const far = collect(ends.far, 't', thread_id)
      const events = [
        event(1, 'small'),
        event(2, 'x'.repeat(20_000)),
        event(3, 'small'),
        event(4, 'x'.repeat(5_000)),
        event(5, 'x'.repeat(5_000)),
      ]
      ends.near.publish('t', { type: 'events', thread_id, last_seq: 5, events })
      await far.until(() => far.frames.some((frame) => frame.type === 'events' && frame.last_seq === 5))
      let reached = 0
      for (const frame of far.frames) {
        if (frame.type !== 'events') continue
        if (frame.events !== undefined) expect(frame.events.at(-1)?.event_seq).toBe(frame.last_seq)
        expect(frame.last_seq).toBeGreaterThan(reached)
        reached = frame.last_seq
      }
      const carried = far.frames.flatMap((frame) => (frame.type === 'events' ? (frame.events ?? []) : []))
      for (const each of carried) expect(each).toEqual(events[each.event_seq - 1])
      expect(carried.map(({ event_seq }) => event_seq)).toEqual(expect.arrayContaining([1, 3, 4, 5]))
    })

    it('ignores what is published after its end', async () => {
      const { near, far, close } = await open()
      const heard = collect(far, 't', thread_id)
      await near.close()
      near.publish('t', delta(0, 'x'))
      expect(near.subscribe('t', thread_id, () => undefined)).toEqual(expect.any(Function))
      await new Promise((resolve) => setTimeout(resolve, 30))
      expect(heard.frames).toEqual([])
      await far.close()
      await close()
    })
  })
}

export function event(seq: number, text: string, kind: LogEvent['kind'] = 'MessageCommitted', run_id = 'r'): LogEvent {
  return {
    schema_version: 1,
    event_seq: seq,
    kind,
    thread_id: 'any',
    run_id,
    scopes: [],
    visibility: 'public',
    correlation_id: null,
    causation_id: null,
    idempotency_key: `${kind}/${String(seq)}`,
    occurred_at: 1,
    payload: { text, step: 1, attempt: 1 },
  }
}

export function collect(bus: LiveBus, tenant: string, thread_id: string) {
  const frames: LiveFrame[] = []
  const waiting = new Set<() => void>()
  bus.subscribe(tenant, thread_id, (frame) => {
    frames.push(frame)
    for (const each of waiting) each()
  })
  async function until(done: () => boolean): Promise<void> {
    const deadline = Date.now() + 5_000
    while (!done()) {
      if (Date.now() > deadline) throw new Error(`only ${String(frames.length)} frames came`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100)
        const each = (): void => {
          clearTimeout(timer)
          waiting.delete(each)
          resolve()
        }
        waiting.add(each)
      })
    }
  }
  return { frames, until, count: (n: number) => until(() => frames.length >= n) }
}

function texts(frames: readonly LiveFrame[], type: 'delta' | 'tool_call_delta'): string {
  return frames.map((frame) => (frame.type !== type ? '' : frame.type === 'delta' ? frame.delta : frame.args_delta)).join('')
}
