import { COMMAND_TYPES, type Command, type CommandType, type Context } from './command.ts'
import { decide, isRejection } from './decide.ts'
import { emit, openDraft } from './draft.ts'
import { LEDGER_AGE_MS, LEDGER_SIZE, MAX_OUTBOX_BYTES, MAX_REMEMBERED_FACTS_BYTES } from './limits.ts'
import { jsonSize } from './json.ts'
import { hashBody, ownId } from './ledger.ts'
import { parseCommand } from './parse.ts'
import { reject, type Answer, type Rejection, type Reply } from './reply.ts'
import type { LedgerEntry, ThreadState } from './state.ts'

/** How a command came in: an update's caller gets the answer, a signal's sender finds a refusal in the log. */
export type Via = 'update' | 'signal'
export type Received = { state: ThreadState; answer: Answer }

/** Refusals that say "not now": nothing was applied, and the same id may be sent again with success. */
const TRANSIENT: ReadonlySet<Rejection['code']> = new Set(['store_unavailable', 'queue_full', 'needs_reconcile'])

/**
 * One command from outside, from raw value to answer: checked, applied once by its id, remembered. Never throws.
 * A repeat with the same id and body gets the first answer again; the same id with another body is refused.
 */
export function receive(state: ThreadState, type: string, raw: unknown, via: Via, context: Context): Received {
  const known = COMMAND_TYPES.find((option) => option === type)
  if (known === undefined)
    return refuse(state, type, null, reject('unknown_command', `There is no command "${type.slice(0, 64)}".`), via, context)
  const parsed = parseCommand(known, raw)
  if (!parsed.ok) return refuse(state, known, idOf(raw), parsed.rejection, via, context)
  return apply(state, known, { ...parsed.value, origin: parsed.value.origin ?? via }, via, context)
}

function apply(state: ThreadState, type: CommandType, command: Command, via: Via, context: Context): Received {
  const command_id = command.command_id ?? ownId(command) ?? context.delivery_id
  const body_hash = hashBody(command)
  const names = [command_id, alias(command, command_id)].filter((name) => name !== undefined)
  const before = entryOf(state, [...names, context.delivery_id])
  if (before !== undefined) return replay(state, before, body_hash, type, via, context)
  if (state.needs_reconcile !== null) {
    const text = `The store is behind this thread (${state.needs_reconcile}); restore it or reconcile the thread first.`
    return refuse(state, type, command_id ?? null, reject('needs_reconcile', text), via, context)
  }
  const stamped = { ...context, id_time: command.sent_at ?? context.id_time }
  const decision = decide(state, command_id === undefined ? command : { ...command, command_id }, stamped)
  if (isRejection(decision.result)) {
    const named = command_id === context.delivery_id ? null : (command_id ?? null)
    const refused = refuse(state, type, named, decision.result, via, context)
    return keepRefusal(refused, refusedAs(command, decision.result, context), body_hash, context)
  }
  const reply: Reply = { ok: true, outcome: decision.result, event_seq: decision.state.event_seq }
  const counted = { ...decision.state, commands: decision.state.commands + 1 }
  const remembered = names.reduce((next, name) => remember(next, name, body_hash, reply, context.now), counted)
  return { state: remembered, answer: answer(reply, false) }
}

/** An id that names a thing, not the request, must not keep a refusal that is only true now; the delivery's own does. */
function refusedAs({ command_id }: Command, { code }: Rejection, { delivery_id }: Context): string | undefined {
  return command_id !== undefined && !TRANSIENT.has(code) ? command_id : delivery_id
}

/**
 * A command that was refused with this answer, before the thread was loaded or on top of a state that was given up.
 * Whoever sent it was told that nothing was applied, so it must not be when it comes again, as it does after a reset.
 */
export function turnAway(state: ThreadState, type: string, raw: unknown, rejection: Rejection, context: Context): ThreadState {
  const known = COMMAND_TYPES.find((option) => option === type)
  const parsed = known === undefined ? null : parseCommand(known, raw)
  if (parsed === null || !parsed.ok) return state
  const name = refusedAs(parsed.value, rejection, context)
  if (entryOf(state, [name, context.delivery_id]) !== undefined) return state
  const refused = { state, answer: answer({ ok: false, rejection, event_seq: state.event_seq }, false) }
  return keepRefusal(refused, name, hashBody(parsed.value), context).state
}

/** What the ledger has under the first of these names that it knows. */
function entryOf({ ledger }: ThreadState, names: readonly (string | undefined)[]): LedgerEntry | undefined {
  for (const name of new Set(names)) {
    const entry = ledger.find(({ command_id }) => command_id === name)
    if (entry !== undefined) return entry
  }
  return undefined
}

/** The same delivery gets the same refusal, also in a task that is done again and after a reset. */
function keepRefusal(refused: Received, name: string | undefined, body_hash: string, context: Context): Received {
  if (name === undefined || refused.state.needs_reconcile !== null) return refused
  // A flood of them while the store is away must not fill the workflow, nor keep good commands out.
  if (name === context.delivery_id && refused.state.unstored.bytes > MAX_OUTBOX_BYTES / 2) return refused
  return { ...refused, state: remember(refused.state, name, body_hash, replyOf(refused.answer), context.now) }
}

/** A durable submit's run is named after its message, so its repeat is known by the message under whatever command id it comes. */
function alias(command: Command, command_id: string | undefined): string | undefined {
  const own = command.type === 'submit' && command.durable === true ? ownId(command) : undefined
  return own === command_id ? undefined : own
}

function replay(state: ThreadState, before: LedgerEntry, body_hash: string, type: string, via: Via, context: Context): Received {
  if (before.body_hash === body_hash) return { state, answer: answer(before.reply, true) }
  const text = 'This command id was used before with another body; give each command an id of its own.'
  return refuse(
    state,
    type,
    before.command_id,
    reject('idempotency_conflict', text, { command_id: before.command_id }),
    via,
    context,
  )
}

/** A refused signal has nobody to answer to, so it becomes an event that operators and streams can see. */
function refuse(
  state: ThreadState,
  command: string,
  command_id: string | null,
  rejection: Rejection,
  via: Via,
  context: Context,
): Received {
  let next = state
  // A flood of bad signals while the store is away must not fill the workflow; what is in the log by then tells of it.
  if (via === 'signal' && state.needs_reconcile === null && state.unstored.bytes <= 2 * MAX_OUTBOX_BYTES) {
    const draft = openDraft(state, context)
    const { code, message, detail } = rejection
    emit(draft, {
      kind: 'CommandRejected',
      run_id: null,
      payload: {
        command: command.slice(0, 64),
        command_id,
        code,
        message,
        ...(detail === undefined ? {} : { detail }),
        origin: via,
      },
    })
    next = draft.state
  }
  return { state: next, answer: answer({ ok: false, rejection, event_seq: next.event_seq }, false) }
}

function remember(state: ThreadState, command_id: string, body_hash: string, reply: Reply, at: number): ThreadState {
  const entry: LedgerEntry = { command_id, body_hash, at, reply: compact(reply) }
  // An execution that is given everything once more has loaded more, and needs it all.
  const size = Math.max(LEDGER_SIZE, state.ledger.length)
  const recent = state.ledger.filter((known) => at - known.at < LEDGER_AGE_MS).slice(1 - size)
  const { ledger: waiting, bytes } = state.unstored
  const unstored = { ...state.unstored, ledger: [...waiting, entry], bytes: bytes + jsonSize(entry) }
  return { ...state, ledger: [...recent, entry], unstored }
}

/** A thousand replies travel with the state: the current value that a conflict carries is worth it only at the time. */
function compact(reply: Reply): Reply {
  if (reply.ok || reply.rejection.detail === undefined) return reply
  if (jsonSize(reply.rejection.detail) <= MAX_REMEMBERED_FACTS_BYTES) return reply
  const { code, message } = reply.rejection
  return { ...reply, rejection: { code, message } }
}

function answer(reply: Reply, replayed: boolean): Answer {
  return { ...reply, replayed, degraded: false }
}

function replyOf({ replayed: _replayed, degraded: _degraded, ...reply }: Answer): Reply {
  return reply as Reply
}

function idOf(raw: unknown): string | null {
  const id = typeof raw === 'object' && raw !== null && 'command_id' in raw ? raw.command_id : null
  return typeof id === 'string' ? id.slice(0, 256) : null
}
