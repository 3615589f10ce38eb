import type { SubmitCommand } from '../command.ts'
import { hash128 } from '../ids.ts'
import { canonicalJson, jsonSize, type JsonObject } from '../json.ts'
import { MAX_OUTBOX_BYTES, MAX_PENDING, MAX_QUEUE_BYTES } from '../limits.ts'
import type { MessageInput } from '../message.ts'
import type { Delivery } from '../pending.ts'
import { reject, type Rejection } from '../reply.ts'
import type { PendingEntry, RunState, ThreadState } from '../state.ts'
import { activeRun, emit, newId, type Draft } from '../draft.ts'
import { cancelCall } from './calls.ts'
import { stopRun } from './ends.ts'
import { commitMessages, type Committable } from './messages.ts'
import { frozenAt, startNext, supersedeQueue } from './queue.ts'
import { queueRun, startRun } from './runs.ts'
import { resumeRun } from './settle.ts'

type Accepted = { message: MessageInput; id: string }

/** What a submit does by mode and by what the thread is doing (source: seeds 000 and 003; the design's table in 4.1). */
export function submit(draft: Draft, command: SubmitCommand): JsonObject | Rejection {
  const refusal = refuse(draft.state, command)
  if (refusal !== null) return refusal
  const messages = command.messages.map((message) => ({ message, id: message.id ?? newId(draft) }))
  const run = activeRun(draft.state)
  if (run?.record.status === 'waiting') return resumeWithInput(draft, run, messages)
  if (draft.state.parked)
    emit(draft, { kind: 'QueueResumed', run_id: null, payload: { pending_count: draft.state.queue.length } })
  const run_id = queueRun(draft, { ...command, agent_id: agentOf(draft.state, command), overrides: command.overrides ?? null })
  if (run === undefined && draft.state.queue.length === 0) {
    startRun(draft, run_id)
    commitMessages(draft, run_id, messages.map(asInput))
  } else {
    enqueue(draft, run_id, command, messages)
    if (run !== undefined && command.mode === 'foreground') replace(draft, run, run_id, command)
    startNext(draft)
  }
  return outcome(draft.state, run_id, messages)
}

/** Everything that can be wrong with a well-formed submit; nothing has happened yet. */
function refuse(state: ThreadState, command: SubmitCommand): Rejection | null {
  if (state.unstored.bytes > MAX_OUTBOX_BYTES)
    return reject('store_unavailable', 'The store is behind; send the command again in a moment.')
  const waits = activeRun(state)?.record.status === 'waiting'
  if (!waits && state.queue.length + command.messages.length > MAX_PENDING) {
    return reject(
      'queue_full',
      `The thread has ${String(state.queue.length)} pending messages; wait until some are read, or interrupt it.`,
    )
  }
  if (!waits && state.queue.length > 0 && jsonSize([state.queue, state.runs]) > MAX_QUEUE_BYTES) {
    return reject(
      'queue_full',
      'The pending messages of the thread take all the room there is; wait until some are read, or interrupt it.',
    )
  }
  const known = new Set(state.queue.map((entry) => entry.pending_id))
  for (const { id } of command.messages) {
    if (id === undefined) continue
    if (known.has(id))
      return reject('message_id_conflict', `Message id "${id}" is in use already; give each message an id of its own.`, {
        message_id: id,
      })
    known.add(id)
  }
  const run = activeRun(state)
  if (run?.record.status === 'waiting' && command.agent_id !== undefined && command.agent_id !== run.record.agent_id) {
    const facts = { run_id: run.record.run_id, agent_id: run.record.agent_id }
    return reject(
      'agent_conflict',
      `The waiting run belongs to agent "${run.record.agent_id}"; leave agent_id out, or cancel that run first.`,
      facts,
    )
  }
  return run !== undefined && command.mode === 'foreground' ? preflight(state, command) : null
}

/** Whether a foreground submit could be taken at all, looked at before anything is interrupted (source: seed 001). */
function preflight(state: ThreadState, command: SubmitCommand): Rejection | null {
  if (activeRun(state)?.record.status === 'waiting' || command.queue === 'supersede') return null
  const probe = {
    ...probeEntry,
    delivery: deliveryOf('foreground'),
    agent_id: agentOf(state, command),
    overrides_key: overridesKey(command),
  }
  const taken = frozenAt([...state.queue, probe], 'interrupt')
  if (taken.includes(probe)) return null
  const blocking = state.queue.find((entry) => entry.delivery.barrier) ?? state.queue[0]
  const pending_id = blocking?.pending_id ?? ''
  return reject(
    'delivery_blocked',
    `Pending message "${pending_id}" must be read before this one; retract it or queue your message behind it.`,
    {
      pending_id,
    },
  )
}

const probeEntry: Omit<PendingEntry, 'delivery' | 'agent_id' | 'overrides_key'> = {
  pending_id: '',
  role: 'user',
  visibility: 'external',
  revision: 0,
  for_run_id: null,
  created_at: 0,
}

/** The open run gives way: it is stopped, and the new one starts once it has ended. */
function replace(draft: Draft, run: RunState, run_id: string, command: SubmitCommand): void {
  if (command.queue === 'supersede') supersedeQueue(draft, run_id)
  if (command.queue === 'park')
    emit(draft, { kind: 'QueueParked', run_id: null, payload: { pending_count: draft.state.queue.length } })
  stopRun(draft, run.record.run_id, { type: 'cancelled' }, 'replaced by a new message')
}

/** The user wrote instead of deciding: open tickets are closed so, and the run goes on with the messages. */
function resumeWithInput(draft: Draft, run: RunState, messages: Accepted[]): JsonObject {
  const { run_id } = run.record
  resumeRun(draft, run_id, 'input')
  for (const call of run.calls)
    if (call.status === 'waiting') cancelCall(draft, run_id, call, 'not decided: the user wrote instead')
  commitMessages(draft, run_id, messages.map(asInput))
  return outcome(draft.state, run_id, messages)
}

function enqueue(draft: Draft, run_id: string, command: SubmitCommand, messages: Accepted[]): void {
  for (const { message, id } of messages) {
    const { role, content, visibility = 'external', metadata } = message
    emit(draft, {
      kind: 'PendingDelivered',
      run_id,
      payload: {
        pending_id: id,
        role,
        content,
        visibility,
        ...(metadata === undefined ? {} : { metadata }),
        delivery: deliveryOf(command.mode),
        agent_id: agentOf(draft.state, command),
        overrides_key: overridesKey(command),
        for_run_id: run_id,
      },
    })
  }
}

function deliveryOf(mode: SubmitCommand['mode']): Delivery {
  const boundary = mode === 'foreground' ? 'interrupt' : 'new_run'
  return { boundary, granularity: 'batch', barrier: false, fallback_to_new_run: true }
}

/** Agent: the one given, else that of the thread's latest started run, else `default` (source: seed 003). */
function agentOf(state: ThreadState, command: SubmitCommand): string {
  return command.agent_id ?? state.latest_agent_id ?? 'default'
}

function overridesKey({ overrides }: SubmitCommand): string | null {
  return overrides === undefined ? null : hash128(canonicalJson(overrides))
}

function asInput({ message, id }: Accepted): Committable {
  const { role, content, visibility, metadata } = message
  return { message_id: id, role, content, visibility, metadata, step: null }
}

function outcome(state: ThreadState, run_id: string, messages: Accepted[]): JsonObject {
  const run = state.runs[run_id]
  return {
    thread_id: state.thread_id,
    run_id,
    dispatch_id: run?.dispatch.dispatch_id ?? '',
    status: state.active_run_id === run_id ? 'running' : 'queued',
    message_ids: messages.map(({ id }) => id),
  }
}
