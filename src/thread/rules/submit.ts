import type { SubmitCommand } from '../command.ts'
import { deriveId } from '../ids.ts'
import type { JsonObject } from '../json.ts'
import type { Delivery } from '../pending.ts'
import type { Rejection } from '../reply.ts'
import type { ThreadState } from '../state.ts'
import { activeRun, newId, type Draft } from '../draft.ts'
import { admit } from './admission.ts'
import { asInput, deliver, type Accepted } from './deliver.ts'
import { stopRun } from './ends.ts'
import { overridesKey } from './freeze.ts'
import { commitMessages } from './messages.ts'
import { preflight } from './preflight.ts'
import { closeTickets, lookAtQueue, parkQueue, supersedeQueue, unparkQueue } from './queue.ts'
import { routeOf, type Route } from './route.ts'
import { queueRun, startRun } from './runs.ts'

/** Takes messages in, to be read at once or when their time comes (source: seeds 000 and 003). */
export function submit(draft: Draft, command: SubmitCommand): JsonObject | Rejection {
  const durable_id = command.durable === true ? `durable-msg-${command.messages[0]?.id ?? ''}` : undefined
  if (durable_id !== undefined && draft.state.runs[durable_id] !== undefined)
    return outcome(
      draft.state,
      durable_id,
      command.messages.flatMap(({ id }) => id ?? []),
    )
  const route = routeOf(draft.state, command)
  if ('code' in route) return route
  const refusal = admit(draft.state, command, queues(draft.state, route, command)) ?? preflight(draft.state, command, route)
  if (refusal !== null) return refusal

  const messages = command.messages.map((message) => accepted(draft, command, message))
  if (command.mode !== 'live_then_queue') unparkQueue(draft)
  const run_id = route.kind === 'join' ? join(draft, route, messages) : queueOwn(draft, route, command, messages, durable_id)
  return outcome(
    draft.state,
    run_id,
    messages.map(({ id }) => id),
  )
}

/** For the open run: it goes on with them at once if it only waits for that, else they are read at their boundary. */
function join(draft: Draft, { run, delivery }: Extract<Route, { kind: 'join' }>, messages: Accepted[]): string {
  const { run_id, agent_id, status } = run.record
  if (status === 'waiting' && delivery.boundary === 'resume_input' && isPlain(draft.state, delivery, messages)) {
    closeTickets(draft, run_id)
    commitMessages(draft, run_id, messages.map(asInput))
    return run_id
  }
  deliver(draft, messages, { delivery, agent_id, overrides_key: null, for_run_id: null })
  lookAtQueue(draft)
  return run_id
}

/** For a run of their own, which has its record at once. */
function queueOwn(
  draft: Draft,
  { kind, delivery }: Exclude<Route, { kind: 'join' }>,
  command: SubmitCommand,
  messages: Accepted[],
  durable_id: string | undefined,
): string {
  const agent_id = agentOf(draft.state, command)
  const overrides = command.overrides ?? null
  const run_id = queueRun(draft, { ...command, run_id: durable_id, agent_id, overrides })
  const open = activeRun(draft.state)
  if (open === undefined && isPlain(draft.state, delivery, messages)) {
    startRun(draft, run_id)
    commitMessages(draft, run_id, messages.map(asInput))
    return run_id
  }
  const how = { delivery, agent_id, overrides_key: overridesKey(overrides), for_run_id: run_id }
  deliver(draft, messages, overrides === null ? how : { ...how, overrides })
  if (kind === 'replace') {
    if (command.queue === 'supersede') supersedeQueue(draft, run_id)
    if (command.queue === 'park') parkQueue(draft)
    if (open !== undefined) stopRun(draft, open.record.run_id, { type: 'cancelled' }, 'replaced by a new message')
  }
  lookAtQueue(draft)
  return run_id
}

/** Nothing is in their way, and one freeze takes them all: they need not pass through the queue. */
function isPlain({ queue }: ThreadState, { granularity, barrier }: Delivery, messages: Accepted[]): boolean {
  return queue.length === 0 && (messages.length === 1 || (granularity === 'batch' && !barrier))
}

/** Whether the messages will take room in the queue. */
function queues(state: ThreadState, route: Route, { messages }: SubmitCommand): boolean {
  return state.queue.length > 0 || activeRun(state) !== undefined || messages.length > 1 || route.kind === 'join'
}

/** A wake comes from the inside, and people need not see it. */
function accepted(draft: Draft, { mode }: SubmitCommand, message: SubmitCommand['messages'][number]): Accepted {
  const { id = newId(draft), visibility = mode === 'internal_wake' ? 'internal' : 'external' } = message
  return { id, message: { ...message, visibility } }
}

/** Agent: the one given, else that of the thread's latest started run, else `default` (source: seed 003). */
export function agentOf(state: ThreadState, command: SubmitCommand): string {
  return command.agent_id ?? state.latest_agent_id ?? 'default'
}

function outcome(state: ThreadState, run_id: string, message_ids: string[]): JsonObject {
  const run = state.runs[run_id]
  const read = !state.queue.some((entry) => message_ids.includes(entry.pending_id))
  const joined = run?.record.status === 'running' && run.stopping === null
  return {
    thread_id: state.thread_id,
    run_id,
    dispatch_id: run?.dispatch.dispatch_id ?? deriveId(run_id, 'dispatch'),
    status: read || joined ? 'running' : 'queued',
    message_ids,
  }
}
