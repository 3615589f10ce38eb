import type { SubmitCommand } from '../command.ts'
import type { JsonObject } from '../json.ts'
import type { Delivery } from '../pending.ts'
import type { RunOverrides } from '../records.ts'
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

/** The run that a submit is answered with. */
type Answering = { run_id: string; dispatch_id: string }

/** Takes messages in, to be read at once or when their time comes (source: seeds 000 and 003). */
export function submit(draft: Draft, command: SubmitCommand): JsonObject | Rejection {
  const durable_id = command.durable === true ? `durable-msg-${command.messages[0]?.id ?? ''}` : undefined
  if (durable_id !== undefined && draft.state.runs[durable_id] !== undefined) {
    const ids = command.messages.flatMap(({ id }) => id ?? [])
    return outcome(draft.state, ownRun(draft, durable_id), ids)
  }
  const route = routeOf(draft.state, command)
  if ('code' in route) return route
  const refusal =
    admit(draft.state, command, queues(draft.state, route, command)) ?? preflight(draft.state, command, route, draft.context.now)
  if (refusal !== null) return refusal

  const messages = command.messages.map((message) => accepted(draft, command, message))
  if (command.mode !== 'live_then_queue') unparkQueue(draft)
  const answering =
    route.kind === 'join' ? join(draft, route, command, messages) : queueOwn(draft, route, command, messages, durable_id)
  const message_ids = messages.map(({ id }) => id)
  return outcome(draft.state, answering, message_ids)
}

/** For the open run: it goes on with them at once if it only waits for that, else they are read at their boundary. */
function join(
  draft: Draft,
  { run, delivery }: Extract<Route, { kind: 'join' }>,
  command: SubmitCommand,
  messages: Accepted[],
): Answering {
  const { run_id, agent_id, status, dispatch_id } = run.record
  if (status === 'waiting' && delivery.boundary === 'resume_input' && isPlain(draft.state, delivery, messages)) {
    closeTickets(draft, run_id)
    commitMessages(draft, run_id, messages.map(asInput))
  } else {
    deliver(draft, messages, { delivery, agent_id, ...overridesOf(command), for_run_id: null })
    lookAtQueue(draft)
  }
  return { run_id, dispatch_id }
}

/** For a run of their own, which has its record at once. Messages that no freeze takes together have a run each. */
function queueOwn(
  draft: Draft,
  { kind, delivery }: Exclude<Route, { kind: 'join' }>,
  command: SubmitCommand,
  messages: Accepted[],
  durable_id: string | undefined,
): Answering {
  const agent_id = agentOf(draft.state, command)
  const queueOne = (): string =>
    queueRun(draft, { ...command, run_id: durable_id, agent_id, overrides: command.overrides ?? null })
  const run_id = queueOne()
  const answering = ownRun(draft, run_id)
  const open = activeRun(draft.state)
  if (open === undefined && isPlain(draft.state, delivery, messages)) {
    startRun(draft, run_id)
    commitMessages(draft, run_id, messages.map(asInput))
    return answering
  }
  const apart = delivery.granularity === 'one' || delivery.barrier
  const runs = messages.map((message, index) => {
    const for_run_id = index === 0 || !apart ? run_id : queueOne()
    deliver(draft, [message], { delivery, agent_id, ...overridesOf(command), for_run_id })
    return for_run_id
  })
  if (kind === 'replace') {
    if (command.queue === 'supersede') supersedeQueue(draft, runs)
    if (command.queue === 'park') parkQueue(draft, runs)
    if (open !== undefined) stopRun(draft, open.record.run_id, { type: 'cancelled' }, 'replaced by a new message')
  }
  lookAtQueue(draft)
  return reader(draft, messages) ?? answering
}

/** Where another run has read the messages in this very moment, together with what stood before them: that run. */
function reader(draft: Draft, messages: Accepted[]): Answering | undefined {
  const open = activeRun(draft.state)
  const read = messages.every(({ id }) => open?.record.input.trigger_message_ids.includes(id) === true)
  return open !== undefined && read ? ownRun(draft, open.record.run_id) : undefined
}

/** Noted while it is there: a run that another takes over at once has no record here any more. */
function ownRun(draft: Draft, run_id: string): Answering {
  return { run_id, dispatch_id: draft.state.runs[run_id]?.dispatch.dispatch_id ?? '' }
}

function overridesOf({ overrides }: SubmitCommand): { overrides_key: string | null; overrides?: RunOverrides } {
  return overrides === undefined ? { overrides_key: null } : { overrides_key: overridesKey(overrides), overrides }
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

function outcome(state: ThreadState, { run_id, dispatch_id }: Answering, message_ids: string[]): JsonObject {
  const run = state.runs[run_id]
  const read = !state.queue.some((entry) => message_ids.includes(entry.pending_id))
  const joined = run?.record.status === 'running' && run.stopping === null
  return {
    thread_id: state.thread_id,
    run_id,
    dispatch_id,
    status: read || joined ? 'running' : 'queued',
    message_ids,
  }
}
