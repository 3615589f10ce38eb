import { describe, expect, test } from 'vitest'
import type { DecisionCommand } from '../../src/thread/command.ts'
import { call, Given, refused } from './given.ts'

function waiting(...ids: string[]): Given {
  const thread = new Given()
  thread.say('hello')
  thread.model({ calls: ids.map((id) => call(id, { disposition: 'approve', tool_name: 'send_email' })) })
  return thread
}
const decide = (tool_call_id: string, more: Partial<DecisionCommand> = {}): DecisionCommand => ({
  type: 'decision',
  action: 'resume',
  tool_call_id,
  ...more,
})

describe('decisions', () => {
  test('a call that needs approval opens a ticket and the run waits', () => {
    const thread = waiting('a')
    expect(thread.run().record).toMatchObject({
      status: 'waiting',
      waiting: { reason: 'tool_permission', tickets: [{ tool_call_id: 'a' }] },
    })
  })

  test('approval lets the tool run once', () => {
    const thread = waiting('a')
    expect(thread.when(decide('a'))).toMatchObject({ tool_call_id: 'a', delivery_path: 'durable' })
    expect(thread.kinds()).toEqual(['MailboxDecisionReceived', 'ToolPermissionResolved', 'RunResumed'])
    expect(thread.run()).toMatchObject({ phase: 'tools', record: { status: 'running' }, calls: [{ status: 'ready' }] })
  })

  test('a denial is a result the model hears of, with its reason', () => {
    const thread = waiting('a')
    thread.when(decide('a', { payload: { approved: false, reason: 'too late' } }))
    expect(thread.all('ToolCallDone')[0]?.payload.result).toMatchObject({ status: 'error', message: 'denied: too late' })
    expect(thread.run()).toMatchObject({ phase: 'model', step: 2 })
  })

  test('several tickets are decided in any order, and the run waits for the rest', () => {
    const thread = waiting('a', 'b')
    thread.when(decide('b', { action: 'cancel', reason: 'no' }))
    expect(thread.run().record).toMatchObject({ status: 'waiting', waiting: { tickets: [{ tool_call_id: 'a' }] } })
    thread.when(decide('a', { payload: { result: { sent: true } } }))
    expect(thread.run()).toMatchObject({ phase: 'model', step: 2 })
  })

  test('while one tool runs, the other ticket can be decided live', () => {
    const thread = waiting('a', 'b')
    thread.when(decide('a'))
    expect(thread.when(decide('b'))).toMatchObject({ delivery_path: 'live' })
  })

  test('a result in the tool’s stead is taken from the decision’s own event', () => {
    const thread = waiting('a')
    thread.when(decide('a', { payload: { result: 42 } }))
    const received = thread.all('MailboxDecisionReceived')[0]
    expect(thread.all('ToolCallDone')[0]?.refs).toEqual([
      { at: ['result', 'data'], ref: { from: 'event', seq: received?.seq, path: ['result', 'result'] } },
    ])
  })

  test('edited arguments are run instead, and remembering spares the next question', () => {
    const thread = waiting('a')
    thread.when(decide('a', { payload: { approved: true, edited_args: { to: 'x' }, remember: true } }))
    expect(thread.run().calls[0]?.edited_args_seq).toBe(thread.all('MailboxDecisionReceived')[0]?.seq)
    thread.tool('a')
    thread.model({ calls: [call('c', { disposition: 'approve', tool_name: 'send_email' })] })
    expect(thread.run().calls[0]).toMatchObject({ status: 'ready', disposition: 'run' })
  })

  test('the same decision again gets the first answer, another one a conflict', () => {
    const thread = waiting('a')
    const first = thread.when(decide('a', { decision_id: 'd1', by: { name: 'Ada' } }))
    const after = thread.state
    expect(thread.when(decide('a', { decision_id: 'd1' }))).toMatchObject({
      decision_id: 'd1',
      run_id: 'run_id' in first ? first['run_id'] : '',
    })
    expect(refused(thread.when(decide('a', { decision_id: 'd2', action: 'cancel' })))).toMatchObject({
      code: 'already_decided',
      detail: { decided_by: { name: 'Ada' } },
    })
    expect(thread.state).toBe(after)
  })

  test('an unknown call is not found and the wait is untouched', () => {
    const thread = waiting('a')
    const before = thread.state
    expect(refused(thread.when(decide('zzz'))).code).toBe('ticket_not_found')
    expect(thread.state).toBe(before)
  })

  test('a ticket nobody answers expires as an outcome of its own', () => {
    const thread = new Given()
    thread.say('hello')
    thread.model({ calls: [call('a', { disposition: 'external', expires_in_ms: 500 })] })
    thread.later(500)
    expect(thread.kinds()).toEqual([
      'ToolPermissionExpired',
      'RunResumed',
      'ToolCallDone',
      'MessageCommitted',
      'ThreadMessagesCheckpointed',
    ])
    expect(thread.all('ToolCallDone')[0]?.payload.result.message).toBe('nobody decided in time')
  })
})

describe('lost tools', () => {
  test('one that may not be repeated is never run again silently: a person is asked', () => {
    const thread = new Given()
    thread.say('hello')
    thread.model({ calls: [call('a')] })
    thread.tool('a', { kind: 'lost', error: 'the worker was lost' })
    expect(thread.run().record).toMatchObject({ status: 'waiting', waiting: { reason: 'external_event' } })
    thread.when(decide('a'))
    expect(thread.run().calls[0]).toMatchObject({ status: 'ready', attempt: 2 })
  })

  test('one that may be repeated is, three times at most', () => {
    const thread = new Given()
    thread.say('hello')
    thread.model({ calls: [call('a', { repeatable: true })] })
    thread.tool('a', { kind: 'lost', error: 'gone' })
    thread.tool('a', { kind: 'lost', error: 'gone' })
    expect(thread.run().calls[0]).toMatchObject({ status: 'ready', attempt: 3 })
    thread.tool('a', { kind: 'lost', error: 'gone' })
    expect(thread.run()).toMatchObject({ phase: 'model', step: 2 })
  })

  test('one that is gone from the configuration is told to the model', () => {
    const thread = new Given()
    thread.say('hello')
    thread.model({ calls: [call('a')] })
    thread.tool('a', { kind: 'missing', error: 'there is no tool "get_weather" any more' })
    expect(thread.kinds()).toContain('MailboxResumeFailed')
    expect(thread.run()).toMatchObject({ phase: 'model', step: 2 })
  })
})

describe('what is not clearly one decision decides nothing', () => {
  const unclear: [string, DecisionCommand['payload']][] = [
    ['a misspelt field', { aproved: false }],
    ['a word for a flag', { approved: 'no' }],
    ['no object', false],
    ['a list', []],
    ['a denial with a result', { approved: false, result: 1 }],
    ['a denial with other arguments', { approved: false, edited_args: { to: 'b' } }],
    ['a denial to be remembered', { approved: false, remember: true }],
    ['a result and other arguments', { result: 1, edited_args: { to: 'b' } }],
    ['arguments that are none', { edited_args: null }],
    ['a memory that is none', { remember: 1 }],
    ['a reason that is none', { approved: false, reason: 7 }],
  ]
  test.each(unclear)('%s', (_name, payload) => {
    const thread = waiting('a')
    const { event_seq } = thread.state
    expect(refused(thread.when(decide('a', { payload }))).code).toBe('invalid_decision')
    expect(thread.state.event_seq).toBe(event_seq)
    // Whatever was meant: the ticket is still there to be decided.
    expect(thread.when(decide('a', { payload: { approved: false } }))).toMatchObject({ tool_call_id: 'a' })
  })

  test('to cancel is clear, whatever comes with it', () => {
    const thread = waiting('a')
    thread.when(decide('a', { action: 'cancel', payload: { approved: 'no', reason: 'never' } }))
    expect(thread.all('ToolCallDone')[0]?.payload.result).toMatchObject({ message: 'denied: never' })
  })

  test('a question needs an answer', () => {
    const thread = new Given()
    thread.say('hello')
    thread.model({ calls: [call('q', { disposition: 'external', tool_name: 'ask_user' })] })
    expect(refused(thread.when(decide('q'))).code).toBe('invalid_decision')
    expect(refused(thread.when(decide('q', { payload: { approved: false, result: 'x' } }))).code).toBe('invalid_decision')
    expect(thread.when(decide('q', { payload: 'blue' }))).toMatchObject({ tool_call_id: 'q' })
    expect(thread.all('ToolCallDone')[0]?.refs).toMatchObject([{ ref: { path: ['result'] } }])
  })
})

test('the tickets of one step sort as the model asked for them', () => {
  const names = ['d', 'b', 'a', 'c', 'e'].flatMap((name) => [1, 2, 3].map((n) => `${name}${String(n)}`))
  const thread = waiting(...names)
  const tickets = thread.run().record.waiting?.tickets ?? []
  const sorted = tickets.toSorted((a, b) => (a.ticket_id < b.ticket_id ? -1 : 1))
  expect(sorted.map(({ tool_call_id }) => tool_call_id)).toEqual(names)
})
