import type { Delivery } from '../../../src/thread/pending.ts'
import type { Disposition } from '../../../src/thread/event.ts'
import type { JsonObject } from '../../../src/thread/json.ts'
import type { CallPlan, ModelStepResult, ToolOutcome } from '../../../src/thread/ports.ts'
import type { ThreadState } from '../../../src/thread/state.ts'
import { ANSWER, call } from '../given.ts'
import type { Mailbox } from './mailbox.ts'
import type { Random } from './random.ts'
import { conflicts } from './submit.ts'

/** What people, programs and effects might send, read against what the thread is doing, so that most of it means something. */
export type Sent = { type: string; body: JsonObject }

export const COMMANDS = [
  ['submit', 34],
  ['edit_pending', 4],
  ['retract_pending', 5],
  ['reorder_pending', 5],
  ['hold_pending', 6],
  ['release_pending', 4],
  ['interrupt', 5],
  ['resume_queue', 4],
  ['cancel', 5],
  ['decision', 10],
  ['wake', 1],
] as const

export class Generator {
  #messages = 0
  #calls = 0

  command(type: (typeof COMMANDS)[number][0], r: Random, state: ThreadState, box: Mailbox): Sent {
    switch (type) {
      case 'submit':
        return { type, body: this.#submit(r, state, box) }
      case 'edit_pending':
        return { type, body: { ...guarded(r, state, box), message: { content: `edited ${String(r.below(99))}` } } }
      case 'retract_pending':
        return { type, body: guarded(r, state, box) }
      case 'reorder_pending':
        return { type, body: reorder(r, state) }
      case 'hold_pending':
        return { type, body: { pending_id: pendingId(r, state, box), ...(r.chance(30) ? {} : { ttl_ms: 1 + r.below(5_000) }) } }
      case 'release_pending': {
        const held = state.queue.filter(({ held_until }) => held_until !== undefined)
        return {
          type,
          body: { pending_id: r.chance(80) && held.length > 0 ? (r.pick(held)?.pending_id ?? '') : pendingId(r, state, box) },
        }
      }
      case 'interrupt':
        return { type, body: { queue: r.one(['keep', 'keep', 'park', 'park', 'supersede']) } }
      case 'cancel':
        return { type, body: cancel(r, state) }
      case 'decision':
        return { type, body: decision(r, state) }
      case 'resume_queue':
      case 'wake':
        return { type, body: {} }
    }
  }

  #submit(r: Random, state: ThreadState, box: Mailbox): JsonObject {
    const modes = ['foreground', 'queue', 'queue', 'queue', 'live_then_queue', 'live_then_queue', 'interrupt_then_queue'] as const
    const mode = r.one([...modes, 'resume_open_run', 'internal_wake', 'durable'])
    const command: JsonObject = { mode: mode === 'durable' ? 'queue' : mode, messages: [] }
    const count = mode === 'durable' || r.chance(70) ? 1 : 1 + r.below(3)
    for (let i = 0; i < count; i++) {
      this.#messages += 1
      const message: JsonObject = { role: 'user', content: `say ${String(this.#messages)}` }
      if (mode === 'durable' || r.chance(40)) message['id'] = this.#messageId(r, state)
      ;(command['messages'] as JsonObject[]).push(message)
    }
    if (mode === 'durable') command['durable'] = true
    if (r.chance(20)) command['agent_id'] = r.one(['a1', 'a2', 'default'])
    if (r.chance(15)) command['overrides'] = { model: r.one(['x', 'y']) }
    if ((mode === 'foreground' || mode === 'interrupt_then_queue') && r.chance(50))
      command['queue'] = r.one(['keep', 'supersede', 'park'])
    if (mode !== 'durable' && (r.chance(30) || (mode === 'foreground' && r.chance(2)))) {
      if (mode !== 'foreground' || r.chance(5)) addDelivery(r, command, state, box)
    }
    return command
  }

  #messageId(r: Random, state: ThreadState): string {
    const known = r.chance(3) ? r.pick(state.queue)?.pending_id : undefined
    return known ?? `m${String(this.#messages)}`
  }

  /** What a model call may come back with. `cancel`: it was told to stop. */
  model(r: Random, cancel: boolean, step: number): ModelStepResult {
    const usage = { input_tokens: 1, output_tokens: 1 }
    if (r.chance(cancel ? 60 : 2)) return { kind: 'interrupted', has_text: r.chance(50), model: 'm', usage, duration_ms: 1 }
    if (r.chance(8)) {
      const retryable = r.chance(70)
      const retry_after_ms = r.chance(20) ? 1_000 : null
      return { kind: 'failed', retryable, code: 'provider_error', error: 'HTTP 500', retry_after_ms }
    }
    const calls: CallPlan[] = []
    if (r.chance(45)) for (let i = 0; i <= r.below(3); i++) calls.push(this.#call(r))
    const limits = r.chance(3)
      ? { max_steps: step + r.below(2) }
      : r.chance(3)
        ? { max_steps: 1_000, deadline_ms: 1 + r.below(8_000) }
        : r.chance(2)
          ? { max_steps: 1_000, token_budget: 1 + r.below(8) }
          : { max_steps: 1_000 }
    return { ...ANSWER, usage, has_text: r.chance(80), limits, calls }
  }

  #call(r: Random): CallPlan {
    this.#calls += 1
    const disposition = r.one<Disposition>(['run', 'run', 'run', 'approve', 'approve', 'external', 'reject'])
    return call(`c${String(this.#calls)}`, {
      disposition,
      tool_name: r.one(['t1', 't2']),
      repeatable: r.chance(50),
      expires_in_ms: r.chance(30) ? 1 + r.below(3_000) : null,
    })
  }

  tool(r: Random, cancel: boolean): ToolOutcome {
    if (cancel && r.chance(60)) return { kind: 'cancelled' }
    const kind = r.below(20)
    if (kind === 0) return { kind: 'cancelled' }
    if (kind === 1 || kind === 2) return { kind: 'lost', error: 'gone' }
    if (kind === 3) return { kind: 'missing', error: 'no such tool' }
    const outcome: ToolOutcome = { kind: 'done', status: kind < 6 ? 'error' : 'success' }
    if (r.chance(15)) outcome.state_patch = { [`k${String(r.below(3))}`]: r.chance(30) ? null : r.below(9) }
    if (r.chance(25)) {
      const count = 1 + r.below(2)
      outcome.messages = Array.from({ length: count }, () => ({
        role: 'user' as const,
        content: 'staged',
        ...(r.chance(50) ? {} : { boundary: r.one(['next_step', 'on_natural_end']) }),
      }))
    }
    return outcome
  }
}

/** Deliveries whose meaning the design leaves open are not made: they are listed here. */
function addDelivery(r: Random, command: JsonObject, state: ThreadState, box: Mailbox): void {
  const mode = command['mode']
  const boundary = r.one([
    'interrupt',
    'next_step',
    'next_step',
    'on_natural_end',
    'resume_input',
    'resume_input',
    'new_run',
    'new_run',
  ])
  const delivery: JsonObject = { boundary }
  if (r.chance(60)) delivery['granularity'] = r.one(['one', 'batch'])
  if (r.chance(35)) delivery['barrier'] = true
  if (r.chance(40)) delivery['fallback_to_new_run'] = r.chance(60)
  const runs = Object.keys(state.runs)
  if (boundary !== 'new_run' && r.chance(40)) {
    const target = r.chance(75) ? state.active_run_id : r.chance(60) ? (r.pick(runs) ?? null) : 'no-such-run'
    if (target !== null) delivery['target_run_id'] = target
  }
  const targeted = delivery['target_run_id'] !== undefined || boundary === 'resume_input'
  // Whether a target can be meant that the same command ends, or an open run asked for where there is none.
  if (mode === 'interrupt_then_queue' && targeted && box.open !== null) return
  if (mode === 'resume_open_run' && box.live() === null) return
  if (mode === 'internal_wake') return
  const live = box.live()
  // Whether a steer whose messages are for anybody may still ask for another agent.
  if (
    !targeted &&
    live !== null &&
    mode !== 'queue' &&
    conflicts(command as unknown as { type: 'submit'; messages: []; mode: 'queue' }, live)
  )
    return
  command['delivery'] = delivery as unknown as JsonObject & Delivery
}

function pendingId(r: Random, state: ThreadState, box: Mailbox): string {
  const known = r.pick(state.queue)?.pending_id
  if (known !== undefined && r.chance(85)) return known
  return r.chance(70) ? (box.gone[box.gone.length - 1 - r.below(30)] ?? 'no-such-message') : 'no-such-message'
}

function guarded(r: Random, state: ThreadState, box: Mailbox): JsonObject {
  const pending_id = pendingId(r, state, box)
  const revision = state.queue.find((entry) => entry.pending_id === pending_id)?.revision ?? 1
  if (r.chance(5)) return { pending_id }
  return { pending_id, expected_revision: r.chance(10) ? revision + 1 - r.below(3) : revision }
}

function reorder(r: Random, state: ThreadState): JsonObject {
  const ids = r.shuffled(state.queue.map(({ pending_id }) => pending_id))
  const pending_ids = r.chance(6)
    ? [...ids, 'more']
    : r.chance(6)
      ? ids.slice(1)
      : r.chance(4)
        ? [...ids.slice(1), ...ids.slice(-1)]
        : ids
  if (r.chance(5)) return { pending_ids }
  return { pending_ids, expected_queue_revision: r.chance(8) ? state.queue_revision + 1 : state.queue_revision }
}

function cancel(r: Random, state: ThreadState): JsonObject {
  if (r.chance(30)) return {}
  if (r.chance(15)) return { run_id: r.one([state.thread_id, 'no-such-run']) }
  const run = state.runs[r.pick(Object.keys(state.runs)) ?? '']
  if (run === undefined) return { run_id: 'no-such-run' }
  return { run_id: r.chance(50) ? run.record.run_id : run.dispatch.dispatch_id }
}

function decision(r: Random, state: ThreadState): JsonObject {
  const run = state.active_run_id === null ? undefined : state.runs[state.active_run_id]
  const tickets = (run?.calls ?? []).flatMap(({ ticket }) => ticket ?? [])
  const ticket = r.pick(tickets)
  const earlier = r.pick(state.decided)
  const past = ticket === undefined || r.chance(8)
  const id = past ? (earlier?.tool_call_id ?? 'no-such-call') : ticket.tool_call_id
  const named: JsonObject = !past && r.chance(30) ? { ticket_id: ticket.ticket_id } : { tool_call_id: id }
  if (r.chance(30)) named['decision_id'] = past ? (earlier?.decision_id ?? 'd') : `d-${id}`
  if (r.chance(20)) return { ...named, action: 'cancel', reason: 'no' }
  const payload = r.one<JsonObject>([
    {},
    { approved: true },
    { approved: true, remember: true },
    { approved: false, reason: 'no' },
    { result: { answer: 1 } },
    { approved: true, edited_args: { a: 1 } },
  ])
  return { ...named, action: 'resume', ...(r.chance(80) ? { payload } : {}) }
}
