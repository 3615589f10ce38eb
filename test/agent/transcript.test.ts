import { describe, expect, it } from 'vitest'
import { toModelMessages, usedCallIds } from '../../src/agent/transcript.ts'
import type { Json } from '../../src/thread/json.ts'
import type { Content, ContentPart, Role } from '../../src/thread/message.ts'

const row = (role: Role, content: Content): { role: Role; content: Content } => ({ role, content })
const call = (id: string, args: Json = {}): ContentPart => ({
  type: 'tool_call',
  tool_call_id: id,
  tool_name: 't',
  arguments: args,
})
const result = (id: string, more: object = {}): { role: Role; content: Content } =>
  row('tool', [
    { type: 'tool_result', tool_call_id: id, tool_name: 't', status: 'success', data: { n: 1 }, ...more } as ContentPart,
  ])
const outputs = (rows: ReturnType<typeof row>[]): unknown[] =>
  toModelMessages(rows).flatMap((message) =>
    message.role === 'tool' ? message.content.map((part) => (part.type === 'tool-result' ? part.output : null)) : [],
  )

describe('toModelMessages', () => {
  it('keeps text, reasoning and system messages', () => {
    const rows = [
      row('system', 'Be brief'),
      row('user', 'hi'),
      row('assistant', [
        { type: 'reasoning', text: 'hm', provider_options: { anthropic: { signature: 's' } } },
        { type: 'text', text: 'hello' },
      ]),
      row('system', [{ type: 'text', text: 'Now be long' }]),
    ]
    expect(toModelMessages(rows)).toEqual([
      { role: 'system', content: 'Be brief' },
      { role: 'user', content: [{ type: 'text', text: 'hi' }] },
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'hm', providerOptions: { anthropic: { signature: 's' } } },
          { type: 'text', text: 'hello' },
        ],
      },
      { role: 'system', content: 'Now be long' },
    ])
  })
  it('turns media into file parts', () => {
    const content: Content = [
      { type: 'text', text: 'look' },
      { type: 'image', url: 'https://example.com/a.png' },
      { type: 'file', data: 'aGk=', media_type: 'text/plain' },
      { type: 'file', url: 'not an address' },
    ]
    expect(toModelMessages([row('user', content)])[0]?.content).toEqual([
      { type: 'text', text: 'look' },
      { type: 'file', mediaType: 'image', data: { type: 'url', url: new URL('https://example.com/a.png') } },
      { type: 'file', mediaType: 'text/plain', data: { type: 'data', data: 'aGk=' } },
      { type: 'text', text: '[file that cannot be read]' },
    ])
  })
  it('puts the results of a step into one message right behind its calls, in their order', () => {
    const rows = [
      row('user', 'go'),
      row('assistant', [call('a', { x: 1 }), call('b')]),
      result('b'),
      row('user', 'meanwhile'),
      result('a', { data: 'plain' }),
    ]
    const messages = toModelMessages(rows)
    expect(messages.map((message) => message.role)).toEqual(['user', 'assistant', 'tool', 'user'])
    expect(outputs(rows)).toEqual([
      { type: 'text', value: 'plain' },
      { type: 'json', value: { n: 1 } },
    ])
  })
  it('is valid whatever is missing', () => {
    const rows = [
      row('assistant', [call('a'), call('b', 'no object')]),
      result('a'),
      result('orphan'),
      row('assistant', ''),
      row('assistant', [{ type: 'reasoning', text: 'cut' }]),
      row('user', ''),
    ]
    const messages = toModelMessages(rows)
    expect(messages.map((message) => message.role)).toEqual(['assistant', 'tool'])
    expect(messages[0]?.content).toMatchObject([{ input: {} }, { input: { value: 'no object' } }])
    expect(outputs(rows)[1]).toEqual({ type: 'error-text', value: 'no result was recorded for this call' })
  })
  it('tells errors in words, with their data where it says more', () => {
    const said = (more: object): unknown => outputs([row('assistant', [call('a')]), result('a', { status: 'error', ...more })])[0]
    expect(said({ data: { cancelled: true, reason: 'stop' }, message: 'cancelled: stop' })).toEqual({
      type: 'error-text',
      value: 'cancelled: stop',
    })
    expect(said({ data: null, message: 'denied' })).toEqual({ type: 'error-text', value: 'denied' })
    expect(said({ data: { code: 7 }, message: 'broken' })).toEqual({
      type: 'error-json',
      value: { message: 'broken', data: { code: 7 } },
    })
    expect(said({ data: { code: 7 } })).toEqual({ type: 'error-json', value: { code: 7 } })
  })
})

it('usedCallIds finds every id', () => {
  expect([...usedCallIds([row('assistant', [call('a')]), result('b'), row('user', 'c')])]).toEqual(['a', 'b'])
})
