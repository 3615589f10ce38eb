import { describe, expect, it } from 'vitest'
import { createRunProjection, type Projected, type RunProjection } from '../../src/http/streams/native-events.ts'
import { createOpening } from '../../src/http/streams/opening.ts'
import type { LiveFrame } from '../../src/live/bus.ts'
import type { LogEvent } from '../../src/thread/envelope.ts'

const run_id = 'r'
let seq = 0
const log = (kind: LogEvent['kind'], payload: object = {}): LogEvent => {
  seq += 1
  return { event_seq: seq, kind, thread_id: 't', run_id, occurred_at: 0, payload } as unknown as LogEvent
}
const completed = (step = 1, attempt = 1): LogEvent =>
  log('InferenceCompleted', { step, attempt, model: 'm', usage: {}, duration_ms: 1 })
const committed = (text: string, step = 1, more: object[] = []): LogEvent =>
  log('MessageCommitted', {
    role: 'assistant',
    step,
    message_id: `m${String(step)}`,
    content_blocks: [{ type: 'text', text }, ...more],
  })
const at = (step = 1, attempt = 1) => ({ thread_id: 't', run_id, step, attempt })
type RunFrame = Extract<LiveFrame, { run_id: string }>
const stepStart = (step = 1, attempt = 1): RunFrame => ({
  type: 'step_start',
  ...at(step, attempt),
  message_id: `m${String(step)}`,
})
const delta = (offset: number, text: string, step = 1, attempt = 1): RunFrame => ({
  type: 'delta',
  ...at(step, attempt),
  kind: 'text',
  offset,
  delta: text,
})

/** A started run, and what comes of feeding it in turn. */
function started(ends_on_wait = false): { projection: RunProjection; feed: (...items: (LogEvent | RunFrame)[]) => Projected[] } {
  seq = 0
  const projection = createRunProjection(run_id, { ends_on_wait })
  const feed = (...items: (LogEvent | RunFrame)[]): Projected[] =>
    items.flatMap((item) => ('event_seq' in item ? projection.log(item) : projection.live(item)))
  feed(log('RunQueued', { parent_run_id: null }), log('RunStarted'))
  return { projection, feed }
}
const kinds = (frames: Projected[]): string[] => frames.map(({ event }) => event.event_type)
const text = (frames: Projected[]): string =>
  frames.map(({ event }) => (event.event_type === 'text_delta' ? event.delta : '')).join('')

describe('the projection of a run', () => {
  it('passes each delta on once, whatever comes twice or overlaps', () => {
    const { feed } = started()
    const frames = feed(
      stepStart(),
      delta(0, 'one '),
      delta(0, 'one '),
      stepStart(),
      delta(0, 'one two '),
      delta(4, 'two three'),
      completed(),
      committed('one two three'),
    )
    expect(text(frames)).toBe('one two three')
    expect(kinds(frames)).toEqual(['step_start', 'text_delta', 'text_delta', 'text_delta', 'inference_complete'])
  })

  it('asks for what was lost, and completes the text from the log if it never comes', () => {
    const { projection, feed } = started()
    expect(text(feed(stepStart(), delta(0, 'one '), delta(8, 'three')))).toBe('one ')
    expect([projection.takeGap(), projection.takeGap()]).toEqual([true, false])
    const rest = feed(completed(), committed('one two three'))
    expect(kinds(rest)).toEqual(['text_delta', 'inference_complete'])
    expect(text(rest)).toBe('two three')
    expect(rest.map((frame) => frame.seq)).toEqual([undefined, seq])
  })

  it('brings the same from the log alone', () => {
    const { feed } = started()
    const call = { type: 'tool_call', tool_call_id: 'c', tool_name: 'tool', arguments: { a: 1 } }
    const ready = { step: 1, tool_call_id: 'c', tool_name: 'tool', arguments: { a: 1 } }
    const frames = feed(
      completed(),
      committed('let me see', 1, [call]),
      log('ToolCallReady', ready),
      log('ToolCallDone', { tool_call_id: 'c', message_id: 'x', result: {}, outcome: 'succeeded' }),
      log('RunFinished', { termination: { type: 'natural_end' }, final_output: null }),
    )
    expect(kinds(frames)).toEqual([
      'step_start',
      'text_delta',
      'tool_call_start',
      'tool_call_delta',
      'inference_complete',
      'tool_call_ready',
      'tool_call_done',
      'step_end',
      'run_finish',
    ])
  })

  it('announces a step without any message', () => {
    const { feed } = started()
    const frames = feed(completed(), log('RunFinished', { termination: { type: 'natural_end' }, final_output: null }))
    expect(kinds(frames)).toEqual(['step_start', 'inference_complete', 'step_end', 'run_finish'])
    expect(frames[3]?.event).not.toHaveProperty('result')
  })

  it('gives no cursor while anything is held back', () => {
    const { feed } = started()
    expect(feed(stepStart(), delta(0, 'x'), completed()).map((frame) => frame.seq)).toEqual([undefined, undefined])
    expect(feed(committed('x')).at(-1)?.seq).toBe(seq)
  })

  it('drops what comes late of a step that is over', () => {
    const { projection, feed } = started()
    feed(stepStart(), delta(0, 'x'), completed(), committed('x'))
    expect(feed(delta(1, 'late'), stepStart())).toEqual([])
    expect([projection.behind(delta(1, 'late')), projection.takeGap()]).toEqual([false, false])
  })

  it('resets the stream for another attempt, whichever word of it comes first', () => {
    for (const first of ['log', 'live']) {
      const { feed } = started()
      const rescheduled = (): LogEvent => log('RunRescheduled', { reason: 'attempt_failed', step: 1, attempt: 2 })
      const frames = feed(stepStart(), delta(0, 'wrong'))
      frames.push(...(first === 'log' ? feed(rescheduled(), stepStart(1, 2)) : feed(stepStart(1, 2), rescheduled())))
      frames.push(...feed(delta(5, 'late'), delta(0, 'right', 1, 2), completed(1, 2), committed('right')))
      expect(kinds(frames), first).toEqual([
        'step_start',
        'text_delta',
        'stream_reset',
        'step_start',
        'text_delta',
        'inference_complete',
      ])
    }
  })

  it('leaves the text alone when only a tool is tried again', () => {
    const { feed } = started()
    feed(completed(), committed('x'))
    expect(feed(log('RunRescheduled', { reason: 'tool_failed', step: 1, attempt: 2, tool_call_id: 'c' }))).toEqual([])
  })

  it('starts the step over when something else was committed than streamed', () => {
    const { feed } = started()
    const frames = feed(stepStart(), delta(0, 'something else'), completed(), committed('the committed text'))
    expect(kinds(frames)).toEqual(['step_start', 'text_delta', 'stream_reset', 'step_start', 'text_delta', 'inference_complete'])
  })

  it('accepts a cut answer that was streamed further than it was kept', () => {
    const { feed } = started()
    const cut = committed('one two')
    expect(kinds(feed(stepStart(), delta(0, 'one two three'), cut))).toEqual(['step_start', 'text_delta'])
  })

  it('is behind when a frame needs what only the log can tell', () => {
    const fresh = createRunProjection(run_id, { ends_on_wait: false })
    expect(fresh.behind(stepStart())).toBe(true)
    expect(fresh.live(stepStart())).toEqual([])
    const { projection, feed } = started()
    expect(projection.behind(stepStart())).toBe(false)
    feed(stepStart(), delta(0, 'x'))
    expect(projection.behind(delta(1, 'y'))).toBe(false)
    expect(projection.behind(stepStart(2))).toBe(true)
    expect(projection.behind(stepStart(1, 2))).toBe(true)
    expect(projection.behind({ ...stepStart(), run_id: 'other' })).toBe(false)
  })

  it('ignores other runs, and everything after its end', () => {
    const { projection, feed } = started()
    expect(projection.log({ ...committed('x'), run_id: 'other' })).toEqual([])
    expect(kinds(feed(log('RunErrored', { code: 'c', error: 'e' })))).toEqual(['error'])
    expect(projection.ended).toBe(true)
    expect(feed(stepStart(), completed(), committed('x'))).toEqual([])
  })

  it('waits with its run, or ends the stream', () => {
    const tickets = [
      { ticket_id: 'k', tool_call_id: 'c', tool_name: 'tool', arguments: {}, reason: 'tool_permission', created_at: 0 },
    ]
    for (const ends of [false, true]) {
      const { projection, feed } = started(ends)
      feed(completed(), committed('x'))
      const frames = feed(log('RunWaiting', { reason: 'tool_permission', tickets }))
      expect(kinds(frames)).toEqual(ends ? [] : ['run_waiting'])
      expect(projection.waiting_since).toBe(seq)
      expect(kinds(projection.suspend())).toEqual(['step_end', 'run_finish'])
      expect(projection.suspend()).toEqual([])
    }
    const { projection, feed } = started(true)
    feed(log('RunWaiting', { reason: 'tool_permission', tickets }), log('RunResumed'))
    expect([projection.waiting_since, projection.suspend()]).toEqual([null, []])
  })
})

describe('where a stream begins', () => {
  const whole = (): [LogEvent, Projected[]][] => {
    seq = 0
    const projection = createRunProjection(run_id, { ends_on_wait: false })
    const events = [log('RunStarted'), completed(1), committed('one', 1), completed(2), committed('two', 2)]
    return events.map((event) => [event, projection.log(event)])
  }
  const open = (start: Parameters<typeof createOpening>[0], ended = false): string[] => {
    const opening = createOpening(start)
    const frames = whole().flatMap(([event, projected]) => opening.feed(event, projected))
    return kinds([...frames, ...opening.finish(ended)])
  }

  it('is the start, the open step, a cursor or the end', () => {
    const first = ['run_start', 'step_start', 'text_delta', 'inference_complete', 'step_end']
    const second = ['step_start', 'text_delta', 'inference_complete']
    expect(open({ from: 'start' })).toEqual([...first, ...second])
    expect(open({ from: 'submit', seq: 1 })).toEqual([...first, ...second])
    expect(open({ from: 'join' })).toEqual(['run_start', ...second])
    expect(open({ from: 'after', seq: 3 })).toEqual(['step_end', ...second])
    expect(open({ from: 'after', seq: 5 })).toEqual([])
    expect(open({ from: 'join' }, true)).toEqual(['inference_complete'])
    expect(open({ from: 'after', seq: 5 }, true)).toEqual(['inference_complete'])
    expect(open({ from: 'after', seq: 3 }, true)).toEqual(['step_end', ...second])
  })
})
