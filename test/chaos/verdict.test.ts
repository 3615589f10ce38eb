import { describe, expect, test } from 'vitest'
import { keyedId } from '../../src/http/idempotency.ts'
import type { LogEvent } from '../../src/thread/envelope.ts'
import type { Sent } from './support/sender.ts'
import { transcriptProblems } from './support/transcript.ts'
import { timesApplied } from './support/verdict.ts'

/** What judges a storm must itself be able to find something. */

const event = (kind: string, payload: object, causation_id: string | null = null): LogEvent =>
  ({ kind, payload, causation_id }) as unknown as LogEvent
const message = (role: string, parts: object[], seq = 1): LogEvent =>
  event('MessageCommitted', { role, message_id: `m${String(seq)}`, message_seq: seq, content_blocks: parts })
const call = { type: 'tool_call', tool_call_id: 'c' }
const result = { type: 'tool_result', tool_call_id: 'c' }
const sent = (kind: Sent['kind'], token: string | null = null): Sent => ({
  ...{ kind, thread_id: 't', method: 'POST', path: '', body: null, token, key: 'k', tries: 1, reply: null, began: 0, ended: 1 },
})

describe('a transcript', () => {
  test('with a result for each call is one that a model takes', () => {
    expect(transcriptProblems([message('assistant', [call]), message('tool', [result], 2), message('assistant', [], 3)])).toEqual(
      [],
    )
  })
  test('with a call that has none, or two, is not', () => {
    expect(transcriptProblems([message('assistant', [call]), message('user', [], 2)])).toHaveLength(1)
    expect(
      transcriptProblems([message('assistant', [call]), message('tool', [result], 2), message('tool', [result], 3)]),
    ).toHaveLength(1)
    expect(transcriptProblems([message('tool', [result])])).toHaveLength(1)
  })
})

describe('a command counts as applied', () => {
  const text = { type: 'text', text: 'hello «t:1»' }
  const delivered = event('PendingDelivered', { pending_id: 'm1', content: 'hello «t:1»' })
  test('once for a message that was queued and then read, and twice for two of the same words', () => {
    expect(timesApplied([], sent('queue', '«t:1»'))).toBe(0)
    expect(timesApplied([delivered, message('user', [text])], sent('queue', '«t:1»'))).toBe(1)
    expect(timesApplied([delivered, message('user', [text], 2)], sent('queue', '«t:1»'))).toBe(2)
  })
  test('as often as it has caused what it asks for', () => {
    const id = keyedId('default', 'POST /v1/threads/interrupt', 'k')
    const stopped = event('RunInterrupted', {}, id)
    expect(timesApplied([stopped], sent('interrupt'))).toBe(1)
    expect(timesApplied([stopped, stopped], sent('interrupt'))).toBe(2)
    expect(timesApplied([event('RunInterrupted', {}, 'another')], sent('interrupt'))).toBe(0)
  })
})
