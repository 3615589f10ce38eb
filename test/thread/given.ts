import { afterEach } from 'vitest'
import type { Command, Context } from '../../src/thread/command.ts'
import { decide, isRejection, react } from '../../src/thread/decide.ts'
import { toLogEvent } from '../../src/thread/envelope.ts'
import type { EventKind, ThreadEvent } from '../../src/thread/event.ts'
import type { JsonObject } from '../../src/thread/json.ts'
import type { CallPlan, ModelStepResult, Report, ToolOutcome } from '../../src/thread/ports.ts'
import type { Rejection } from '../../src/thread/reply.ts'
import { emptyThread } from '../../src/thread/state-init.ts'
import type { RunState, ThreadState } from '../../src/thread/state.ts'
import { checkLog } from '../support/check-log.ts'

const made: Given[] = []
afterEach(() => {
  for (const thread of made.splice(0)) checkLog(thread.log.map((event) => toLogEvent('t1', event)))
})

/** Given/when/then for the core: a thread that is told things, with a clock that the test moves. */
export class Given {
  state: ThreadState
  now = 1_700_000_000_000
  events: ThreadEvent[] = []
  #seed = 0

  /** Everything that has happened, from the first event on. */
  readonly log: ThreadEvent[] = []

  /** `checked`: its log is checked when the test ends, as that of every new thread is. */
  constructor(state?: ThreadState, checked = state === undefined) {
    this.state = state ?? emptyThread('default', 't1', SETTINGS)
    if (checked) made.push(this)
  }

  context(): Context {
    this.#seed += 1
    return { now: this.now, seed: `seed-${String(this.#seed)}`, id_time: this.now }
  }

  /** A command's outcome or refusal; `events` holds what it led to. */
  when(command: Command): JsonObject | Rejection {
    const before = this.state.event_seq
    const decision = decide(this.state, command, this.context())
    this.state = decision.state
    this.#happened(before)
    return decision.result
  }

  report(report: Report): void {
    const before = this.state.event_seq
    this.state = react(this.state, report, this.context())
    this.#happened(before)
  }

  say(content: string, more: Partial<Extract<Command, { type: 'submit' }>> = {}): string {
    const result = this.when({ type: 'submit', mode: 'queue', messages: [{ role: 'user', content }], ...more })
    if (isRejection(result)) throw new Error(`refused: ${result.code} ${result.message}`)
    return String(result['run_id'])
  }

  /** A state that something else than a command or a report has led to. */
  take(state: ThreadState): void {
    const before = this.state.event_seq
    this.state = state
    this.#happened(before)
  }

  #happened(before: number): void {
    this.events = this.state.unstored.events.filter((event) => event.seq > before)
    this.log.push(...this.events)
  }

  /** The open step's model call comes back. */
  model(result: Partial<Extract<ModelStepResult, { kind: 'completed' }>> = {}): void {
    const run = this.run()
    this.report({
      type: 'model_done',
      run_id: run.record.run_id,
      step: run.step,
      attempt: run.attempt,
      result: { ...ANSWER, ...result },
    })
  }

  modelFails(failure: Partial<Extract<ModelStepResult, { kind: 'failed' }>> = {}): void {
    const run = this.run()
    const result: ModelStepResult = {
      kind: 'failed',
      retryable: true,
      code: 'provider_error',
      error: 'HTTP 500',
      retry_after_ms: null,
      ...failure,
    }
    this.report({ type: 'model_done', run_id: run.record.run_id, step: run.step, attempt: run.attempt, result })
  }

  modelStops(has_text: boolean): void {
    const run = this.run()
    const result: ModelStepResult = {
      kind: 'interrupted',
      has_text,
      model: 'm',
      usage: { input_tokens: 0, output_tokens: 0 },
      duration_ms: 1,
    }
    this.report({ type: 'model_done', run_id: run.record.run_id, step: run.step, attempt: run.attempt, result })
  }

  tool(tool_call_id: string, outcome: ToolOutcome = { kind: 'done', status: 'success' }): void {
    const run = this.run()
    const call = run.calls.find((known) => known.tool_call_id === tool_call_id)
    if (call === undefined) throw new Error(`no call ${tool_call_id}`)
    this.report({ type: 'tool_done', run_id: run.record.run_id, step: call.step, tool_call_id, attempt: call.attempt, outcome })
  }

  later(ms: number): void {
    this.now += ms
    this.report({ type: 'tick' })
  }

  run(): RunState {
    const run = this.state.active_run_id === null ? undefined : this.state.runs[this.state.active_run_id]
    if (run === undefined) throw new Error('no open run')
    return run
  }

  kinds(): EventKind[] {
    return this.events.map((event) => event.kind)
  }

  all<K extends EventKind>(kind: K): Extract<ThreadEvent, { kind: K }>[] {
    return this.state.unstored.events.filter((event): event is Extract<ThreadEvent, { kind: K }> => event.kind === kind)
  }

  /** The record of a run that has ended. */
  ended(run_id: string): RunState['record'] {
    const found = this.state.unstored.ended.find(({ run }) => run.record.run_id === run_id)
    if (found === undefined) throw new Error(`run ${run_id} has not ended`)
    return found.run.record
  }
}

export const SETTINGS = {
  idle_close_ms: 60_000,
  continue_as_new_every: 0,
  search_attributes: false,
  heartbeat_timeout_ms: 8_000,
  cli: 'temporal',
}

export const ANSWER: Extract<ModelStepResult, { kind: 'completed' }> = {
  kind: 'completed',
  model: 'test/model',
  finish_reason: 'stop',
  usage: { input_tokens: 10, output_tokens: 5 },
  duration_ms: 12,
  agent_version: 'v1',
  limits: { max_steps: 50 },
  has_content: true,
  has_text: true,
  calls: [],
}

export function call(tool_call_id: string, more: Partial<CallPlan> = {}): CallPlan {
  return {
    tool_call_id,
    tool_name: 'get_weather',
    disposition: 'run',
    arguments: {},
    arguments_staged: false,
    repeatable: false,
    timeout_ms: null,
    expires_in_ms: null,
    ...more,
  }
}

export function refused(result: JsonObject | Rejection): Rejection {
  if (!isRejection(result)) throw new Error(`expected a refusal, got ${JSON.stringify(result)}`)
  return result
}
