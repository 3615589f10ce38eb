import { describe, expect, test } from 'vitest'
import type { Command } from '../../src/thread/command.ts'
import { isRejection } from '../../src/thread/decide.ts'
import { jsonSize } from '../../src/thread/json.ts'
import { MAX_ACTIVITY_INPUT_BYTES, MAX_OUTBOX_BYTES, MAX_QUEUE_BYTES } from '../../src/thread/limits.ts'
import { packed } from '../../src/thread/packed.ts'
import { nextBatch } from '../../src/thread/batch.ts'
import { receive } from '../../src/thread/receive.ts'
import { emptyThread, fromPredecessor, NOTHING_UNSTORED, toSnapshot } from '../../src/thread/state-init.ts'
import type { ThreadState } from '../../src/thread/state.ts'
import { Given, refused } from './given.ts'

/** Temporal ends a workflow for a payload of 2 MB, so whatever people do, the state must stay well below it. */
const BIG = { note: 'x'.repeat(16_000) }

function withQueue(length: number): Given {
  const thread = new Given()
  thread.say('running')
  for (let i = 0; i < length; i++) thread.say(`waiting ${String(i)}`)
  return store(thread)
}

/** All is stored: only what comes now counts. */
function store(thread: Given): Given {
  thread.state = { ...thread.state, unstored: NOTHING_UNSTORED }
  return thread
}

function untilRefused(thread: Given, command: (i: number) => Command, most = 2_000): { code: string; taken: number } {
  for (let taken = 0; taken < most; taken++) {
    const result = thread.when(command(taken))
    if (isRejection(result)) return { code: result.code, taken }
  }
  throw new Error('never refused')
}

describe('the state stays small enough to travel', () => {
  test('under edits that give every message large metadata', () => {
    const thread = withQueue(200)
    const ids = thread.state.queue.map(({ pending_id }) => pending_id)
    const { code, taken } = untilRefused(thread, (i) => {
      store(thread)
      return {
        type: 'edit_pending',
        pending_id: ids[i] ?? '',
        message: { content: 'x', metadata: BIG },
        expected_revision: 'any',
      }
    })
    expect(code).toBe('queue_full')
    expect(taken).toBeGreaterThan(20)
    expect(jsonSize(packed(toSnapshot(thread.state)))).toBeLessThan(MAX_QUEUE_BYTES * 1.1 + 50_000)
  })

  test('under a submit whose overrides stand beside each of its messages', () => {
    const thread = withQueue(1)
    const messages = Array.from({ length: 100 }, () => ({ role: 'user' as const, content: 'x' }))
    const overrides = { response_format: BIG }
    expect(refused(thread.when({ type: 'submit', mode: 'queue', messages, overrides })).code).toBe('queue_full')
    expect(jsonSize(nextBatch(thread.state) ?? {})).toBeLessThan(MAX_ACTIVITY_INPUT_BYTES)
  })

  test('an edit that makes the queue smaller is taken when it is full', () => {
    const thread = withQueue(60)
    for (const { pending_id } of thread.state.queue) {
      thread.when({ type: 'edit_pending', pending_id, message: { content: 'x', metadata: BIG }, expected_revision: 'any' })
      store(thread)
    }
    const pending_id = thread.state.queue[0]?.pending_id ?? ''
    const smaller = { content: 'x', metadata: {} }
    expect(thread.when({ type: 'edit_pending', pending_id, message: smaller, expected_revision: 'any' })).not.toHaveProperty(
      'code',
    )
  })
})

describe('while the store is away', () => {
  const loads: [string, (thread: Given) => (i: number) => Command][] = [
    [
      'new orders',
      (thread) => () => ({
        type: 'reorder_pending',
        pending_ids: thread.state.queue.map(({ pending_id }) => pending_id).toReversed(),
        expected_queue_revision: 'any',
      }),
    ],
    [
      'holds and releases',
      (thread) => (i) => {
        const pending_id = thread.state.queue[0]?.pending_id ?? ''
        return i % 2 === 0 ? { type: 'hold_pending', pending_id, ttl_ms: 60_000 } : { type: 'release_pending', pending_id }
      },
    ],
    [
      'retractions',
      (thread) => () => ({
        type: 'retract_pending',
        pending_id: thread.state.queue[0]?.pending_id ?? '',
        expected_revision: 'any',
      }),
    ],
  ]
  test.each(loads)('%s are refused before they fill the workflow', (_name, load) => {
    const thread = withQueue(300)
    thread.state = { ...thread.state, unstored: { ...NOTHING_UNSTORED, bytes: MAX_OUTBOX_BYTES - 30_000 } }
    expect(untilRefused(thread, load(thread)).code).toBe('store_unavailable')
    expect(jsonSize(nextBatch(thread.state) ?? {})).toBeLessThan(MAX_ACTIVITY_INPUT_BYTES)
  })

  test('an interrupt is heard all the same', () => {
    const thread = withQueue(3)
    thread.state = { ...thread.state, unstored: { ...NOTHING_UNSTORED, bytes: 2 * MAX_OUTBOX_BYTES } }
    expect(thread.when({ type: 'interrupt', mode: 'graceful', queue: 'park' })).not.toHaveProperty('code')
  })

  test('a flood of bad signals does not fill the workflow', () => {
    let { state } = new Given()
    const given = new Given()
    for (let i = 0; i < 20_000 && state.unstored.bytes <= 2 * MAX_OUTBOX_BYTES; i++)
      state = receive(state, 'x'.repeat(64), null, 'signal', given.context()).state
    const full = state.unstored.bytes
    expect(receive(state, 'nonsense', null, 'signal', given.context()).state.unstored.bytes).toBe(full)
  })
})

test('the ledger keeps no current values: a thousand of them travel with the state', () => {
  const thread = withQueue(1)
  const pending_id = thread.state.queue[0]?.pending_id ?? ''
  const edit = { pending_id, message: { content: 'x', metadata: BIG }, expected_revision: 1 }
  const send = (command_id: string, more: object) => {
    const received = receive(thread.state, 'edit_pending', { ...edit, command_id, ...more }, 'update', thread.context())
    thread.state = received.state
    return received.answer
  }
  expect(send('e1', {})).toMatchObject({ ok: true })
  expect(send('e2', {})).toMatchObject({ ok: false, rejection: { code: 'revision_conflict' } })
  for (const entry of thread.state.ledger) expect(jsonSize(entry)).toBeLessThan(2_500)
  expect(send('e2', {})).toMatchObject({ ok: false, replayed: true, rejection: { code: 'revision_conflict' } })
})

test('a state handed over by an older version is complete', () => {
  const thread = withQueue(2)
  const { departed: _departed, shared: _shared, ...older } = thread.state
  const state = fromPredecessor({ ...older, commands: 7 } as unknown as ThreadState)
  expect(state).toMatchObject({ departed: [], shared: {}, commands: 0, queue: { length: 2 } })
  const body = { messages: [{ id: 'm', role: 'user', content: 'hi' }] }
  expect(receive(state, 'submit', body, 'update', thread.context()).answer).toMatchObject({ ok: true })
  expect(Object.keys(emptyThread('t', 'x', state.settings)).filter((key) => !(key in state))).toEqual([])
})
