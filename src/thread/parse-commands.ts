import {
  SUBMIT_MODES,
  type CancelCommand,
  type Command,
  type CommandBase,
  type CommandType,
  type DecisionCommand,
  type EditPendingCommand,
  type HoldPendingCommand,
  type InterruptCommand,
  type ReorderPendingCommand,
  type SubmitCommand,
  type SubmitMode,
  type Expected,
} from './command.ts'
import { isObject, type Json } from './json.ts'
import { DEFAULT_HOLD_MS, MAX_HOLD_MS, MAX_METADATA_BYTES, MAX_PENDING } from './limits.ts'
import { dropUndefined, Fields } from './parse-fields.ts'
import { parseEdit, parseMessages } from './parse-message.ts'
import { BOUNDARIES, type Delivery } from './pending.ts'

/** What each command's fields must be. */

const MAX_REVISION = 2 ** 53 - 1
const MAX_EXPECTED = 100
const POLICIES = ['keep', 'supersede', 'park'] as const

export const parsers: { [T in CommandType]: (fields: Fields, base: CommandBase) => Extract<Command, { type: T }> } = {
  submit(fields, base): SubmitCommand {
    const metadata = fields.object('metadata', MAX_METADATA_BYTES)
    const overrides = fields.object('overrides', MAX_METADATA_BYTES)
    const command: SubmitCommand = {
      ...base,
      type: 'submit',
      mode: parseMode(fields),
      messages: fields.accept(parseMessages(fields.take('messages'))),
    }
    const queue = fields.oneOf('queue', POLICIES, 'keep')
    if (queue !== 'keep') command.queue = queue
    const delivery = parseDelivery(fields)
    const ids = fields.ids('agent_id', 'run_id', 'parent_run_id', 'retry_of', 'transport_request_id')
    Object.assign(command, dropUndefined({ ...ids, delivery, metadata, overrides }))
    if (fields.flag('durable') === true) command.durable = true
    checkSubmit(fields, command)
    return command
  },
  interrupt(fields, base): InterruptCommand {
    const mode = fields.oneOf('mode', ['graceful'], 'graceful')
    return { ...base, type: 'interrupt', mode, queue: fields.oneOf('queue', POLICIES, 'supersede') }
  },
  resume_queue(_fields, base) {
    return { ...base, type: 'resume_queue' }
  },
  cancel(fields, base): CancelCommand {
    return { ...base, type: 'cancel', ...dropUndefined(fields.ids('run_id')) }
  },
  decision(fields, base): DecisionCommand {
    const ids = dropUndefined(fields.ids('tool_call_id', 'ticket_id', 'decision_id'))
    const command: DecisionCommand = { ...base, type: 'decision', action: fields.oneOf('action', ['resume', 'cancel']), ...ids }
    if (command.tool_call_id === undefined && command.ticket_id === undefined)
      fields.refuse('decision needs a tool_call_id or a ticket_id')
    const payload = fields.take('payload')
    if (payload !== undefined) command.payload = payload as Json
    const reason = fields.text('reason', 4096)
    if (reason !== undefined) command.reason = reason
    return command
  },
  edit_pending(fields, base): EditPendingCommand {
    const pending_id = fields.id('pending_id')
    const message = fields.accept(parseEdit(fields.take('message'), pending_id))
    return { ...base, type: 'edit_pending', pending_id, message, ...revision(fields, 'expected_revision') }
  },
  retract_pending(fields, base) {
    return {
      ...base,
      type: 'retract_pending',
      pending_id: fields.id('pending_id'),
      ...revision(fields, 'expected_revision'),
    }
  },
  reorder_pending(fields, base): ReorderPendingCommand {
    const ids = fields.take('pending_ids')
    const known = Array.isArray(ids) && ids.length <= MAX_PENDING && ids.every((id) => typeof id === 'string' && id.length <= 256)
    if (!known) fields.refuse('reorder_pending.pending_ids must be a list of the ids of all pending messages')
    const pending_ids = known ? (ids as string[]) : []
    return { ...base, type: 'reorder_pending', pending_ids, ...revision(fields, 'expected_queue_revision') }
  },
  hold_pending(fields, base): HoldPendingCommand {
    const ttl_ms = fields.whole('ttl_ms', 1, MAX_HOLD_MS) ?? DEFAULT_HOLD_MS
    return { ...base, type: 'hold_pending', pending_id: fields.id('pending_id'), ttl_ms }
  },
  release_pending(fields, base) {
    return { ...base, type: 'release_pending', pending_id: fields.id('pending_id') }
  },
  wake(_fields, base) {
    return { ...base, type: 'wake' }
  },
}

/** `steer` is what people call it; the thread knows one name. */
function parseMode(fields: Fields): SubmitMode {
  const mode = fields.oneOf<SubmitMode | 'steer'>('mode', [...SUBMIT_MODES, 'steer'], 'queue')
  return mode === 'steer' ? 'live_then_queue' : mode
}

/** Absent fields as the design's 4.2 has them. */
function parseDelivery(fields: Fields): Delivery | undefined {
  const raw = fields.take('delivery')
  if (raw === undefined) return undefined
  if (!isObject(raw)) {
    fields.refuse(
      'submit.delivery must be an object: {"boundary", "granularity", "barrier", "target_run_id", "fallback_to_new_run"}',
    )
    return undefined
  }
  const inner = new Fields('submit.delivery', raw)
  const { target_run_id } = inner.ids('target_run_id')
  const delivery: Delivery = {
    boundary: inner.oneOf('boundary', BOUNDARIES, 'new_run'),
    granularity: inner.oneOf('granularity', ['one', 'batch'], 'batch'),
    barrier: inner.flag('barrier') ?? false,
    fallback_to_new_run: inner.flag('fallback_to_new_run') ?? true,
  }
  if (target_run_id !== undefined) delivery.target_run_id = target_run_id
  const problem = inner.problem ?? inner.unknownField()
  if (problem !== null) fields.refuse(problem.message)
  return delivery
}

/** What cannot go together, whatever the thread is doing. */
function checkSubmit(fields: Fields, { mode, delivery, durable, messages, queue }: SubmitCommand): void {
  if (delivery !== undefined && mode === 'foreground')
    fields.refuse('a foreground submit takes no delivery: its messages are read at once; use mode queue or interrupt_then_queue')
  if (delivery?.boundary === 'new_run' && delivery.target_run_id !== undefined)
    fields.refuse('submit.delivery: a message for a new run cannot have a target_run_id')
  if (durable === true && (messages.length !== 1 || messages[0]?.id === undefined))
    fields.refuse('a durable submit takes exactly one message, with an id: its run is named after it')
  if (durable === true && (mode !== 'queue' || delivery !== undefined))
    fields.refuse('a durable submit is queued for a run of its own; leave mode and delivery out')
  if (queue !== undefined && mode !== 'foreground' && mode !== 'interrupt_then_queue')
    fields.refuse(
      'submit.queue says what becomes of the queue when a run is replaced: only with mode foreground or interrupt_then_queue',
    )
}

function revision<N extends string>(fields: Fields, name: N): { [K in N]?: Expected } {
  const value = fields.take(name)
  if (value === undefined) return {}
  const several = Array.isArray(value) && value.length > 0 && value.length <= MAX_EXPECTED && value.every(isRevision)
  if (!several && value !== 'any' && !isRevision(value))
    fields.refuse(`${name} must be a whole number, a list of up to ${String(MAX_EXPECTED)}, or "any"`)
  return { [name]: value } as { [K in N]?: Expected }
}

function isRevision(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_REVISION
}
