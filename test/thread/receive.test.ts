import { describe, expect, test } from 'vitest'
import { LEDGER_SIZE, MAX_CONTENT_BYTES } from '../../src/thread/limits.ts'
import { UNDECODABLE } from '../../src/thread/parse.ts'
import { receive, turnAway, type Via } from '../../src/thread/receive.ts'
import { Given } from './given.ts'

function send(thread: Given, type: string, raw: unknown, via: Via = 'update') {
  const received = receive(thread.state, type, raw, via, thread.context())
  thread.state = received.state
  return received.answer
}
const submit = (content: string, more: object = {}) => ({ messages: [{ role: 'user', content }], ...more })

describe('the ledger', () => {
  test('a command id is applied once, and the first answer is given again', () => {
    const thread = new Given()
    const first = send(thread, 'submit', submit('hi', { command_id: 'c1' }))
    const seq = thread.state.event_seq
    const again = send(thread, 'submit', submit('hi', { command_id: 'c1' }), 'signal')
    expect(again).toEqual({ ...first, replayed: true })
    expect(thread.state.event_seq).toBe(seq)
  })

  test('the same id with another body is a conflict', () => {
    const thread = new Given()
    send(thread, 'submit', submit('hi', { command_id: 'c1' }))
    expect(send(thread, 'submit', submit('ho', { command_id: 'c1' }))).toMatchObject({
      ok: false,
      rejection: { code: 'idempotency_conflict' },
    })
  })

  test('a refusal is an answer too, and stays the same', () => {
    const thread = new Given()
    const first = send(thread, 'interrupt', { command_id: 'c1' })
    send(thread, 'submit', submit('hi'))
    expect(send(thread, 'interrupt', { command_id: 'c1' })).toEqual({ ...first, replayed: true })
  })

  test('a refusal that says "not now" is not remembered', () => {
    const thread = new Given()
    thread.state = { ...thread.state, unstored: { ...thread.state.unstored, bytes: 600_000 } }
    expect(send(thread, 'submit', submit('hi', { command_id: 'c1' }))).toMatchObject({
      ok: false,
      rejection: { code: 'store_unavailable' },
    })
    thread.state = { ...thread.state, unstored: { ...thread.state.unstored, bytes: 0 } }
    expect(send(thread, 'submit', submit('hi', { command_id: 'c1' }))).toMatchObject({ ok: true })
  })

  test('the same delivery gets its refusal again, whatever it was for, and another delivery does not', () => {
    const thread = new Given()
    const deliver = (delivery_id: string, type: string, raw: object) => {
      const received = receive(thread.state, type, raw, 'update', { ...thread.context(), delivery_id })
      thread.state = received.state
      return received.answer
    }
    const refused = deliver('d1', 'interrupt', {})
    expect(refused).toMatchObject({ ok: false, rejection: { code: 'nothing_to_interrupt' } })
    deliver('d2', 'submit', submit('hi'))
    // The engine brings it once more: whoever sent it was told that nothing was done.
    expect(deliver('d1', 'interrupt', {})).toEqual({ ...refused, replayed: true })
    expect(thread.run().record.status).toBe('running')
    expect(deliver('d3', 'interrupt', {})).toMatchObject({ ok: true })
  })

  test('what was turned away before the thread was there is refused when it comes again', () => {
    const thread = new Given()
    const rejection = { code: 'store_unavailable', message: 'not now' } as const
    const raw = submit('hi', { command_id: 'c1' })
    thread.state = turnAway(thread.state, 'submit', raw, rejection, { ...thread.context(), delivery_id: 'd1' })
    const again = receive(thread.state, 'submit', raw, 'update', { ...thread.context(), delivery_id: 'd1' })
    expect(again.answer).toMatchObject({ ok: false, rejection })
    const sentAgain = receive(thread.state, 'submit', raw, 'update', { ...thread.context(), delivery_id: 'd2' })
    expect(sentAgain.answer).toMatchObject({ ok: true, replayed: false })
  })

  test('a client’s message id stands for a command id', () => {
    const thread = new Given()
    const body = { messages: [{ id: 'm1', role: 'user', content: 'hi' }] }
    expect(send(thread, 'submit', body)).toMatchObject({ replayed: false })
    expect(send(thread, 'submit', body)).toMatchObject({ replayed: true })
  })

  test('keeps the last thousand, and none older than a day', () => {
    const thread = new Given()
    for (let i = 0; i < LEDGER_SIZE + 5; i++) send(thread, 'interrupt', { command_id: `c${String(i)}` })
    expect(thread.state.ledger).toHaveLength(LEDGER_SIZE)
    thread.now += 25 * 3_600_000
    send(thread, 'interrupt', { command_id: 'last' })
    expect(thread.state.ledger).toHaveLength(1)
  })
})

describe('a refused signal', () => {
  const rejected = (thread: Given) => thread.state.unstored.events.filter(({ kind }) => kind === 'CommandRejected')

  test('is in the log with the facts of its refusal', () => {
    const thread = new Given()
    thread.say('running')
    thread.say('waiting')
    const { pending_id, revision } = thread.state.queue[0]!
    const stale = { pending_id, expected_revision: revision + 7, message: { content: 'late' } }
    expect(send(thread, 'edit_pending', { ...stale, command_id: 'e1' }, 'signal')).toMatchObject({ ok: false })
    expect(rejected(thread)).toMatchObject([
      { payload: { command: 'edit_pending', command_id: 'e1', code: 'revision_conflict', detail: { pending_id, revision } } },
    ])
  })

  test('that had no id is in the log without one', () => {
    const thread = new Given()
    send(thread, 'interrupt', {}, 'signal')
    expect(rejected(thread)).toMatchObject([{ run_id: null, payload: { command: 'interrupt', command_id: null } }])
  })

  test('as an update is only answered', () => {
    const thread = new Given()
    expect(send(thread, 'interrupt', {})).toMatchObject({ ok: false })
    expect(rejected(thread)).toEqual([])
  })
})

function nest(levels: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < levels; i++) value = [value]
  return value
}

describe('bad input', () => {
  const cases: [string, string, unknown, string][] = [
    ['nothing', 'submit', null, 'invalid_command'],
    ['a number', 'submit', 7, 'invalid_command'],
    ['no messages', 'submit', {}, 'invalid_command'],
    ['an unknown role', 'submit', { messages: [{ role: 'wizard', content: 'x' }] }, 'invalid_command'],
    ['a role that only decisions give', 'submit', { messages: [{ role: 'tool', content: 'x' }] }, 'invalid_command'],
    ['a part of no kind', 'submit', { messages: [{ role: 'user', content: [{ type: 'hologram' }] }] }, 'invalid_command'],
    ['a typo', 'submit', submit('x', { mesages: [] }), 'invalid_command'],
    ['a prototype key', 'submit', JSON.parse('{"__proto__": {"messages": []}}'), 'invalid_command'],
    ['an unknown mode', 'submit', submit('x', { mode: 'sideways' }), 'invalid_command'],
    ['what cannot be decoded', 'submit', { [UNDECODABLE]: 'binary/strange' }, 'undecodable_payload'],
    ['an unknown command', 'explode', {}, 'unknown_command'],
    ['a decision on nothing', 'decision', { action: 'resume' }, 'invalid_command'],
    ['a decision of no kind', 'decision', { tool_call_id: 'a', action: 'perhaps' }, 'invalid_command'],
    ['text above the cap', 'submit', submit('x'.repeat(MAX_CONTENT_BYTES + 1)), 'payload_too_large'],
    ['a nest without end', 'decision', { tool_call_id: 'a', action: 'resume', payload: nest(200_000) }, 'invalid_command'],
    ['bytes', 'submit', new Uint8Array(1_000), 'invalid_command'],
    ['a megabyte of bytes', 'submit', new Uint8Array(1_000_000), 'payload_too_large'],
    ['a megabyte', 'submit', { messages: 'x'.repeat(1_000_000) }, 'payload_too_large'],
  ]
  test.each(cases)('%s is refused with a code, and as a signal it shows in the log', (_name, type, raw, code) => {
    const thread = new Given()
    expect(send(thread, type, raw)).toMatchObject({ ok: false, rejection: { code } })
    expect(thread.state.event_seq).toBe(0)
    send(thread, type, raw, 'signal')
    expect(thread.all('CommandRejected')).toMatchObject([{ payload: { code, origin: 'signal' } }])
    expect(send(thread, 'submit', submit('still there?'))).toMatchObject({ ok: true })
  })

  test('text at the cap passes, whatever its bytes', () => {
    expect(send(new Given(), 'submit', submit('x'.repeat(MAX_CONTENT_BYTES)))).toMatchObject({ ok: true })
    expect(send(new Given(), 'submit', submit('€'.repeat(MAX_CONTENT_BYTES / 3)))).toMatchObject({ ok: true })
    expect(send(new Given(), 'submit', submit('€'.repeat(MAX_CONTENT_BYTES / 3 + 1)))).toMatchObject({ ok: false })
  })
})
