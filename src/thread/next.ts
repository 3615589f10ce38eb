import { activeRun } from './draft.ts'
import type { ModelStepInput, ToolInput } from './ports.ts'
import { stepMessageId, toolMessageId } from './rules/calls.ts'
import { deadlineOf } from './rules/settle.ts'
import type { RunState, ThreadState } from './state.ts'

/**
 * An effect that should be under way. `key` names it for the time it runs: the shell starts what is wanted and not
 * running, and cancels what it runs when `cancel` is set or the key is no longer wanted. An activity that is silent
 * for `heartbeat_timeout_ms` is lost.
 */
export type Effect = { key: string; cancel: boolean; summary: string; heartbeat_timeout_ms: number } & (
  { type: 'model_step'; input: ModelStepInput } | { type: 'tool'; input: ToolInput; timeout_ms: number | null }
)

export type Next = {
  effects: Effect[]
  /** When to look again although nothing has come in (ms); null if nothing waits for time. */
  wake_at: number | null
  /** When a thread with nothing to do may close its workflow (ms); null while it has something to do. */
  close_at: number | null
}

/** What a thread wants to happen, as data. `now` in ms. */
export function next(state: ThreadState, now: number): Next {
  if (state.needs_reconcile !== null) return { effects: [], wake_at: null, close_at: null }
  const run = activeRun(state)
  const held = heldUntil(state)
  if (run === undefined) {
    const idle = state.queue.length === 0 && state.unstored.events.length === 0
    return { effects: [], wake_at: earliest(held), close_at: idle ? state.last_activity_at + state.settings.idle_close_ms : null }
  }
  return { effects: effectsOf(state, run, now), wake_at: earliest([...timesOf(run, now), ...held]), close_at: null }
}

/** Of a long queue hardly anything is held, and every look asks. */
function heldUntil({ queue }: ThreadState): number[] {
  const times: number[] = []
  for (const { held_until } of queue) if (held_until !== undefined) times.push(held_until)
  return times
}

function effectsOf(state: ThreadState, run: RunState, now: number): Effect[] {
  if (run.phase === 'model') return run.not_before > now ? [] : [modelStep(state, run)]
  return run.calls.flatMap((call): Effect[] => {
    if (call.status !== 'ready') return []
    const { run_id, agent_id, agent_version } = run.record
    const { tool_call_id, tool_name, step, attempt, model_attempt, edited_args_seq, timeout_ms } = call
    const ids = { tenant: state.tenant, thread_id: state.thread_id, run_id, step, attempt, tool_call_id, tool_name }
    const input = { ...ids, model_attempt, agent_id, agent_version, edited_args_seq, message_id: toolMessageId(run_id, call) }
    const key = `tool/${run_id}/${String(step)}/${tool_call_id}/${String(attempt)}`
    return [
      {
        key,
        type: 'tool',
        cancel: run.stopping !== null,
        summary: `${tool_name} · step ${String(step)} · attempt ${String(attempt)}`,
        input,
        timeout_ms,
        heartbeat_timeout_ms: state.settings.heartbeat_timeout_ms,
      },
    ]
  })
}

function modelStep(state: ThreadState, run: RunState): Effect {
  const { step, attempt } = run
  const { run_id, agent_id, agent_version } = run.record
  return {
    key: `model/${run_id}/${String(step)}/${String(attempt)}`,
    type: 'model_step',
    cancel: run.stopping !== null,
    summary: `${agent_id} · step ${String(step)} · attempt ${String(attempt)}`,
    heartbeat_timeout_ms: state.settings.heartbeat_timeout_ms,
    input: {
      tenant: state.tenant,
      thread_id: state.thread_id,
      run_id,
      step,
      attempt,
      agent_id,
      agent_version,
      through_message_seq: state.message_seq,
      message_id: stepMessageId(run_id, step),
    },
  }
}

/** When an open run is to be looked at: a retry that is due, a ticket that expires, a stop that has waited long enough, a deadline. */
function timesOf(run: RunState, now: number): number[] {
  const times: number[] = []
  if (run.phase === 'model' && run.not_before > now) times.push(run.not_before)
  if (run.stopping !== null) times.push(run.stopping.stop_at)
  else {
    const deadline = deadlineOf(run)
    if (deadline !== null) times.push(deadline)
    for (const { ticket } of run.calls) if (ticket?.expires_at !== undefined) times.push(ticket.expires_at)
  }
  return times
}

function earliest(times: readonly number[]): number | null {
  return times.length === 0 ? null : Math.min(...times)
}
