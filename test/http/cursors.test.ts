import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCursor, decodeEventCursor, encodeCursor, eventCursor } from '../../src/http/cursors.ts'
import { newThreadId, repeatId, uuidv7 } from '../../src/http/idempotency.ts'
import { withoutAliases } from '../../src/http/schemas/common.ts'
import { contentSize } from '../../src/thread/parse-message.ts'

describe('cursors', () => {
  it('bring back what they were made of, for their own list only', () => {
    fc.assert(
      fc.property(fc.string(), (position) => {
        const cursor = encodeCursor('a:1', position)
        expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/)
        expect(decodeCursor('a:1', cursor)).toBe(position)
        expect(() => decodeCursor('a:2', cursor)).toThrow('The cursor')
      }),
      { numRuns: 50 },
    )
    expect(decodeEventCursor('run:x', eventCursor('run:x', 17))).toBe(17)
  })

  it('are refused when anything about them was changed', () => {
    const cursor = eventCursor('run:x', 17)
    for (const other of [
      '',
      'x',
      `${cursor}A`,
      cursor.slice(1),
      cursor.slice(0, -1),
      cursor.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A')),
      '=',
      'é',
    ])
      expect(() => decodeCursor('run:x', other)).toThrow('The cursor')
  })
})

describe('ids', () => {
  const submit = (id?: string) => ({
    type: 'submit' as const,
    mode: 'queue' as const,
    messages: [{ ...(id === undefined ? {} : { id }), role: 'user' as const, content: 'x' }],
  })

  it('of commands follow from the key, its tenant and route', () => {
    const id = repeatId('t', 'r', 'key', submit())
    expect(id).toBe(repeatId('t', 'r', 'key', submit('other')))
    expect(id).toMatch(/^key-[0-9a-f]{64}$/)
    expect(new Set([id, repeatId('u', 'r', 'key', submit()), repeatId('t', 's', 'key', submit())]).size).toBe(3)
    expect(repeatId('t', 'r', null, submit())).toBeNull()
    expect(repeatId('t', 'r', null, submit('m'))).toBe('message:m')
    const decision = { type: 'decision' as const, action: 'resume' as const, tool_call_id: 'c', decision_id: 'd' }
    expect(repeatId('t', 'r', null, decision)).toBe('decision:c:d')
  })

  it('of threads are UUIDs of version 7, the same for the same key', () => {
    const shape = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
    for (let n = 0; n < 50; n++) expect(uuidv7()).toMatch(shape)
    expect(uuidv7(1) < uuidv7(2)).toBe(true)
    expect(newThreadId('t', 'r', 'k')).toBe(newThreadId('t', 'r', 'k'))
    expect(newThreadId('t', 'r', 'k')).toMatch(shape)
    expect(newThreadId('t', 'r', 'k')).not.toBe(newThreadId('u', 'r', 'k'))
  })
})

describe('names and sizes', () => {
  it('take camelCase for five names, and prefer snake_case', () => {
    const given = { agentId: 'a', threadId: 't', toolCallId: 'c', resourceId: 'r', parentThreadId: 'p', otherId: 'o' }
    expect(withoutAliases(given)).toEqual({
      agent_id: 'a',
      thread_id: 't',
      tool_call_id: 'c',
      resource_id: 'r',
      parent_thread_id: 'p',
      otherId: 'o',
    })
    expect(withoutAliases({ agentId: 'a', agent_id: 'b' })).toEqual({ agent_id: 'b' })
    expect(withoutAliases(['x'])).toEqual(['x'])
  })

  it('count content in bytes of UTF-8', () => {
    expect(contentSize('é😀a')).toBe(7)
    expect(contentSize([{ type: 'text', text: 'é' }])).toBe(2)
  })
})
