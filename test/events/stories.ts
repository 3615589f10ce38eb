import { toLogEvent, type LogEvent } from '../../src/thread/envelope.ts'
import { forkedThread } from '../../src/thread/fork.ts'
import { receive } from '../../src/thread/receive.ts'
import { toSnapshot } from '../../src/thread/state-init.ts'
import type { Command } from '../../src/thread/command.ts'
import { call, Given } from '../thread/given.ts'

/** Lives of threads, told by the core itself, that come to every kind of event between them. */
export function stories(): Record<string, LogEvent[]> {
  return { talk: talk(), tools: tools(), queue: queue(), failures: failures(), fork: fork() }
}

const logOf = (thread: Given): LogEvent[] => thread.log.map((event) => toLogEvent('t1', event))
const decide = (tool_call_id: string, more: object = {}): Command => ({
  type: 'decision',
  tool_call_id,
  action: 'resume',
  ...more,
})

/** Three runs, one after the other, the second with a retry. */
function talk(): LogEvent[] {
  const thread = new Given()
  thread.say('one')
  thread.model()
  thread.say('two', { metadata: { a: 1 }, overrides: { max_steps: 3 } })
  thread.modelFails()
  thread.later(300)
  thread.model()
  thread.say('three')
  thread.model()
  return logOf(thread)
}

/** Calls that run, are approved, denied, answered, expire and are cancelled; a tool that stages and one that is gone. */
function tools(): LogEvent[] {
  const thread = new Given()
  thread.say('go')
  const approve = { disposition: 'approve' as const, tool_name: 'send_email' }
  thread.model({
    calls: [call('runs'), call('approved', approve), call('denied', approve), call('outside', { disposition: 'external' })],
  })
  const messages = [{ role: 'user' as const, content: 'staged' }]
  thread.tool('runs', { kind: 'done', status: 'success', state_patch: { seen: 1 }, messages })
  thread.when(decide('approved', { payload: { approved: true, remember: true }, by: { id: 'ada' } }))
  thread.tool('approved')
  thread.when(decide('denied', { action: 'cancel', reason: 'no' }))
  thread.when(decide('outside', { payload: { result: 42 } }))
  thread.model({
    calls: [
      call('late', { disposition: 'external', expires_in_ms: 500 }),
      call('gone'),
      call('refused', { disposition: 'reject' }),
    ],
  })
  thread.tool('gone', { kind: 'missing', error: 'no such tool' })
  thread.later(600)
  thread.model({ calls: [call('slow')] })
  thread.when({ type: 'cancel' })
  thread.later(6_000)
  return logOf(thread)
}

/** The queue: held, edited, reordered, retracted, parked, superseded; a steer that its run leaves behind. */
function queue(): LogEvent[] {
  const thread = new Given()
  thread.say('first')
  for (const id of ['a', 'b', 'c']) thread.say(id, { messages: [{ id, role: 'user', content: id }] })
  thread.when({ type: 'hold_pending', pending_id: 'a', ttl_ms: 1_000 })
  thread.when({ type: 'release_pending', pending_id: 'a' })
  thread.when({ type: 'edit_pending', pending_id: 'a', message: { content: 'A' }, expected_revision: 1 })
  const { queue_revision: expected_queue_revision } = thread.state
  thread.when({ type: 'reorder_pending', pending_ids: ['c', 'a', 'b'], expected_queue_revision })
  thread.when({ type: 'retract_pending', pending_id: 'b', expected_revision: 1 })
  thread.say('hint', { mode: 'live_then_queue' })
  const refused = receive(thread.state, 'cancel', { run_id: 'none' }, 'signal', thread.context())
  thread.take(refused.state)
  thread.when({ type: 'interrupt', mode: 'graceful', queue: 'park' })
  thread.modelStops(true)
  thread.when({ type: 'resume_queue' })
  thread.model()
  thread.say('again')
  thread.say('and again')
  thread.when({ type: 'interrupt', mode: 'graceful', queue: 'supersede' })
  thread.modelStops(false)
  return logOf(thread)
}

function failures(): LogEvent[] {
  const thread = new Given()
  thread.say('one')
  thread.modelFails({ retryable: false, code: 'auth_failed', error: 'HTTP 401' })
  thread.say('two', { agent_id: 'nobody' })
  thread.modelFails({ retryable: false, code: 'unknown_agent', error: 'no such agent' })
  thread.say('three')
  thread.model({ calls: [call('lost'), call('lost again', { repeatable: true })] })
  thread.tool('lost', { kind: 'lost', error: 'gone' })
  thread.tool('lost again', { kind: 'lost', error: 'gone' })
  thread.tool('lost again')
  thread.when({ type: 'cancel' })
  return logOf(thread)
}

/** A fork and its first run. */
function fork(): LogEvent[] {
  const thread = new Given(undefined, false)
  const { event } = forkedThread({ tenant: 'default', thread_id: 't1' }, thread.now, {
    parent_thread_id: 'p',
    at_message_seq: 4,
    message_count: 4,
    last_message_id: 'm4',
    agent_id: 'default',
    state: { seen: 1 },
  })
  thread.log.push(event)
  const { snapshot } = forkedThread({ tenant: 'default', thread_id: 't1' }, thread.now, event.payload)
  thread.state = { ...thread.state, ...snapshot }
  if (toSnapshot(thread.state).message_seq !== 4) throw new Error('the fork has no history')
  thread.say('on we go')
  thread.model()
  return logOf(thread)
}
