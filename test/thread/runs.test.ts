import { describe, expect, test } from 'vitest'
import type { ModelStepResult } from '../../src/thread/ports.ts'
import { next } from '../../src/thread/next.ts'
import { ANSWER, call, Given, refused } from './given.ts'

describe('a run from submit to end', () => {
  test('starts in the same decision on an idle thread, and its input is committed', () => {
    const thread = new Given()
    const run_id = thread.say('hello')
    expect(thread.kinds()).toEqual(['RunQueued', 'RunStarted', 'MessageCommitted', 'ThreadMessagesCheckpointed'])
    expect(thread.run().record).toMatchObject({
      run_id,
      status: 'running',
      agent_id: 'default',
      input: { message_seq_from: 1, message_seq_to: 1 },
    })
  })

  test('ends by itself when the model asks for no tool', () => {
    const thread = new Given()
    const run_id = thread.say('hello')
    thread.model()
    expect(thread.kinds()).toEqual(['InferenceCompleted', 'MessageCommitted', 'ThreadMessagesCheckpointed', 'RunFinished'])
    expect(thread.ended(run_id)).toMatchObject({
      status: 'done',
      termination: { type: 'natural_end' },
      steps: 1,
      usage: { input_tokens: 10, output_tokens: 5 },
    })
    expect(thread.state.active_run_id).toBeNull()
  })

  test('runs tools side by side and asks the model again when all are done', () => {
    const thread = new Given()
    thread.say('hello')
    thread.model({ calls: [call('a'), call('b')] })
    thread.tool('b')
    expect(thread.run().phase).toBe('tools')
    thread.tool('a', { kind: 'done', status: 'error', message: 'no such city' })
    expect(thread.run()).toMatchObject({ phase: 'model', step: 2 })
    expect(thread.all('ToolCallDone').map((event) => [event.payload.tool_call_id, event.payload.outcome])).toEqual([
      ['b', 'succeeded'],
      ['a', 'failed'],
    ])
  })

  test('a call that names no tool is answered with the reason, and the run goes on', () => {
    const thread = new Given()
    thread.say('hello')
    thread.model({ calls: [call('a', { disposition: 'reject', rejection: 'there is no tool "x"' })] })
    expect(thread.run()).toMatchObject({ phase: 'model', step: 2 })
  })

  test('stops at its limit of steps with a code', () => {
    const thread = new Given()
    const run_id = thread.say('hello')
    thread.model({ calls: [call('a')], limits: { max_steps: 1 } })
    thread.tool('a')
    expect(thread.ended(run_id).termination).toMatchObject({ type: 'stopped', value: { code: 'max_steps' } })
  })

  test('stops at its budget of tokens with a code', () => {
    const thread = new Given()
    const run_id = thread.say('hello')
    thread.model({ calls: [call('a')], limits: { max_steps: 9, token_budget: 15 } })
    thread.tool('a')
    expect(thread.ended(run_id).termination).toMatchObject({ type: 'stopped', value: { code: 'token_budget' } })
  })

  test('stops at the deadline of its submit while its first step is under way', () => {
    const thread = new Given()
    const run_id = thread.say('hello', { overrides: { deadline_ms: 1_000 } })
    thread.now += 999
    thread.report({ type: 'tick' })
    expect(thread.run().stopping).toBeNull()
    thread.now += 1
    thread.report({ type: 'tick' })
    expect(thread.run().stopping).toMatchObject({ reason: 'deadline' })
    thread.modelStops(true)
    expect(thread.ended(run_id).termination).toMatchObject({ type: 'stopped', value: { code: 'deadline' } })
  })

  test('stops when its first step says that the agent’s time is up, and keeps what was written', () => {
    const thread = new Given()
    const run_id = thread.say('hello')
    const cut = { kind: 'interrupted', has_text: true, model: 'm', usage: { input_tokens: 0, output_tokens: 0 }, duration_ms: 1 }
    const result = { ...cut, deadline: true } as ModelStepResult
    thread.report({ type: 'model_done', run_id, step: 1, attempt: 1, result })
    expect(thread.ended(run_id).termination).toMatchObject({ type: 'stopped', value: { code: 'deadline' } })
    expect(thread.all('MessageCommitted').at(-1)?.payload).toMatchObject({ role: 'assistant', interrupted: true })
  })

  test('stops at its deadline although it waits for a person', () => {
    const thread = new Given()
    const run_id = thread.say('hello')
    thread.model({ calls: [call('a', { disposition: 'approve' })], limits: { max_steps: 9, deadline_ms: 1000 } })
    thread.later(999)
    expect(thread.run().record.status).toBe('waiting')
    thread.later(1)
    expect(thread.ended(run_id).termination).toMatchObject({ type: 'stopped', value: { code: 'deadline' } })
  })
})

describe('failures of a model step', () => {
  test('are retried with growing waits, each seen in the log', () => {
    const thread = new Given()
    thread.say('hello')
    const waits = [1, 2, 3, 4].map(() => {
      thread.modelFails()
      const wait = thread.run().not_before - thread.now
      thread.later(wait)
      return wait
    })
    expect(waits).toEqual([250, 500, 1000, 2000])
    expect(thread.all('RunRescheduled').map((event) => event.payload.attempt)).toEqual([2, 3, 4, 5])
  })

  test('respect a longer Retry-After', () => {
    const thread = new Given()
    thread.say('hello')
    thread.modelFails({ retry_after_ms: 7000 })
    expect(thread.run().not_before - thread.now).toBe(7000)
  })

  test('end the run as a dead letter after five attempts', () => {
    const thread = new Given()
    const run_id = thread.say('hello')
    for (let i = 0; i < 5; i++) {
      thread.modelFails()
      if (i < 4) thread.later(60_000)
    }
    expect(thread.ended(run_id)).toMatchObject({ termination: { type: 'error' }, error: { code: 'provider_error' } })
    expect(thread.all('RunErrored')[0]?.payload).toMatchObject({ status: 'dead_letter', attempt_count: 5 })
  })

  test('that cannot be retried end the run at once', () => {
    const thread = new Given()
    const run_id = thread.say('hello')
    thread.modelFails({ retryable: false, code: 'auth_failed', error: 'HTTP 401' })
    expect(thread.ended(run_id).error).toEqual({ code: 'auth_failed', message: 'HTTP 401' })
  })

  test('of an agent nobody knows are a failed submit', () => {
    const thread = new Given()
    thread.say('hello', { agent_id: 'nobody' })
    thread.modelFails({ retryable: false, code: 'unknown_agent', error: 'no agent "nobody"' })
    expect(thread.kinds()).toEqual(['MailboxSubmitFailed', 'RunErrored'])
  })

  test('an interrupted answer that nobody asked for counts as a failed attempt', () => {
    const thread = new Given()
    thread.say('hello')
    thread.modelStops(true)
    expect(thread.kinds()).toEqual(['RunRescheduled'])
  })

  test('a late answer of an earlier attempt changes nothing', () => {
    const thread = new Given()
    const run_id = thread.say('hello')
    thread.modelFails()
    const before = thread.state
    thread.report({ type: 'model_done', run_id, step: 1, attempt: 1, result: ANSWER })
    expect(thread.state).toBe(before)
  })
})

describe('interrupt and cancel', () => {
  test('a run in its model step ends once the step has stopped, with its text marked', () => {
    const thread = new Given()
    const run_id = thread.say('hello')
    thread.when({ type: 'interrupt', mode: 'graceful', queue: 'supersede' })
    expect(thread.kinds()).toEqual(['RunInterrupted'])
    thread.modelStops(true)
    expect(thread.events[0]).toMatchObject({ kind: 'MessageCommitted', payload: { interrupted: true, role: 'assistant' } })
    expect(thread.ended(run_id).termination).toEqual({ type: 'cancelled' })
  })

  test('a model step that does not stop is left behind after two seconds', () => {
    const thread = new Given()
    const run_id = thread.say('hello')
    thread.when({ type: 'cancel' })
    thread.later(1_999)
    expect(thread.run().record.run_id).toBe(run_id)
    thread.later(1)
    expect(thread.kinds()).toContain('MailboxTimeout')
    expect(thread.ended(run_id).termination).toEqual({ type: 'cancelled' })
    // The step may have staged its whole answer before its worker was lost; calls that nobody plans get no results.
    const { refs } = thread.all('MessageCommitted').at(-1) ?? {}
    expect(refs).toMatchObject([{ at: ['content'], ref: { from: 'staged', part: 'text', optional: true } }])
  })

  test('a waiting run ends at once and every call has a result', () => {
    const thread = new Given()
    const run_id = thread.say('hello')
    thread.model({ calls: [call('a', { disposition: 'approve' }), call('b', { disposition: 'external' })] })
    thread.when({ type: 'cancel', run_id })
    expect(thread.all('ToolCallCancelled')).toHaveLength(2)
    expect(thread.ended(run_id).termination).toEqual({ type: 'cancelled' })
  })

  test('a run that waits for its next attempt ends at once', () => {
    const thread = new Given()
    const run_id = thread.say('hello')
    thread.modelFails()
    thread.when({ type: 'cancel' })
    expect(thread.ended(run_id).termination).toEqual({ type: 'cancelled' })
  })

  test('supersede ends queued runs, keep starts the next one, park leaves them', () => {
    for (const [queue, ended, active] of [
      ['supersede', 1, false],
      ['keep', 0, true],
      ['park', 0, false],
    ] as const) {
      const thread = new Given()
      thread.say('first')
      thread.say('second')
      expect(thread.when({ type: 'interrupt', mode: 'graceful', queue })).toMatchObject({ superseded_dispatches: ended })
      thread.modelStops(false)
      expect(thread.state.active_run_id !== null).toBe(active)
      expect(thread.state.queue).toHaveLength(queue === 'park' ? 1 : 0)
    }
  })

  test('an interrupt says how many messages nobody will read for it', () => {
    const steer = { mode: 'live_then_queue' as const }
    for (const [queue, undelivered] of [
      ['supersede', 3],
      ['keep', 1],
      ['park', 1],
    ] as const) {
      const thread = new Given()
      const run_id = thread.say('first')
      thread.say('meant for this run and no other', steer)
      const orElse = { boundary: 'next_step' as const, target_run_id: run_id, fallback_to_new_run: true }
      thread.say('or for the next', { ...steer, delivery: { ...orElse, granularity: 'batch', barrier: false } })
      thread.say('second')
      const answer = thread.when({ type: 'interrupt', mode: 'graceful', queue })
      expect(answer).toMatchObject({ undelivered_messages: undelivered })
      thread.modelStops(false)
      expect(thread.all('PendingUndelivered')).toHaveLength(undelivered)
    }
    const idle = new Given()
    const run_id = idle.say('first')
    idle.say('second')
    idle.when({ type: 'interrupt', mode: 'graceful', queue: 'park' })
    idle.modelStops(false)
    expect(idle.ended(run_id).termination).toEqual({ type: 'cancelled' })
    expect(idle.when({ type: 'interrupt', mode: 'graceful', queue: 'supersede' })).toMatchObject({ undelivered_messages: 1 })
  })

  test('a parked queue goes on with the next submit', () => {
    const thread = new Given()
    thread.say('first')
    const second = thread.say('second')
    thread.when({ type: 'interrupt', mode: 'graceful', queue: 'park' })
    thread.modelStops(false)
    thread.say('third')
    expect(thread.run().record.run_id).toBe(second)
    expect(thread.run().record.input.trigger_message_ids).toHaveLength(2)
  })

  test('a replacement that is held starts when its hold is over, also on a queue that is parked', () => {
    const thread = new Given()
    thread.say('first')
    thread.say('waits')
    const replacement = thread.say('instead', {
      mode: 'interrupt_then_queue',
      messages: [{ id: 'b', role: 'user', content: 'b' }],
    })
    thread.when({ type: 'hold_pending', pending_id: 'b', ttl_ms: 5_000 })
    thread.when({ type: 'interrupt', mode: 'graceful', queue: 'park' })
    thread.modelStops(false)
    expect(thread.state).toMatchObject({ parked: true, active_run_id: null })
    expect(next(thread.state, thread.now).wake_at).toBeLessThanOrEqual(thread.now + 5_000)
    thread.now += 5_000
    thread.report({ type: 'tick' })
    expect(thread.run().record.run_id).toBe(replacement)
    expect(thread.state.parked).toBe(true)
  })

  test('with nothing to do, interrupt and cancel are refused and change nothing', () => {
    const thread = new Given()
    expect(refused(thread.when({ type: 'interrupt', mode: 'graceful', queue: 'keep' })).code).toBe('nothing_to_interrupt')
    expect(refused(thread.when({ type: 'cancel', run_id: 'x' })).code).toBe('run_not_found')
    expect(thread.state.event_seq).toBe(0)
  })

  test('cancelling a queued run takes its message with it', () => {
    const thread = new Given()
    thread.say('first')
    const second = thread.say('second')
    thread.when({ type: 'cancel', run_id: second })
    expect(thread.kinds()).toEqual(['PendingUndelivered', 'RunFinished'])
    expect(thread.state.queue).toEqual([])
  })

  test('a dispatch id names its run', () => {
    const thread = new Given()
    const run_id = thread.say('first')
    expect(thread.when({ type: 'cancel', run_id: thread.run().dispatch.dispatch_id })).toMatchObject({ run_id })
  })
})
