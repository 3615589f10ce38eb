import type { Command, SubmitCommand } from '../thread/command.ts'
import type { Decider } from '../thread/event.ts'
import { isObject, type JsonObject } from '../thread/json.ts'
import type { ThreadRef } from '../thread/ports.ts'
import type { RunRecord } from '../thread/records.ts'
import type { Answer, Rejection, RejectionCode, Reply } from '../thread/reply.ts'
import type { LookedUp } from '../store/store.ts'
import { isKnown } from '../auth/principal.ts'
import { noteFacts } from '../log/facts.ts'
import { ThreadUnavailable, type Delivered } from '../temporal/gateway.ts'
import { bodyHash, keyedId, repeatId } from './idempotency.ts'
import type { HttpContext } from './options.ts'
import { isUntouched } from './lookup.ts'
import { HttpProblem, PROBLEMS, type ProblemCode } from './problems.ts'
import { openInbox } from './streams/inbox.ts'
import { waitUntilStored } from './streams/wait.ts'

export type SendOptions = {
  /** Scope of the Idempotency-Key, for example `POST /v1/runs`. */
  route: string
  key: string | null
  gone: AbortSignal
  /** What the log names as the cause of what the command does, if nothing in it names it. */
  delivery_id?: string | undefined
  /** What the store had a moment ago of the thread, and of an earlier command with this key; without it, it is asked. */
  found?: LookedUp
}
export type Sent<T> = { outcome: T; event_seq: number; replayed: boolean }

/** Refusals to which the store adds what the thread has just done: the current value, or what became of a message. */
const TOLD_BY_THE_STORE: ReadonlySet<RejectionCode> = new Set(['revision_conflict', 'pending_not_found'])

/**
 * Sends one command and waits until its facts can be read, at most until `stored_wait_ms` after the request came: a
 * thread whose store has just gone away answers late itself. A refusal becomes a problem.
 * Throws also StoreUnavailable and ThreadUnavailable; a repeat with the same key is then safe.
 */
export async function sendCommand<T>(
  context: HttpContext,
  ref: ThreadRef,
  unsigned: Command,
  options: SendOptions,
): Promise<Sent<T>> {
  const command = signed(context, unsigned)
  noteFacts({ thread_id: ref.thread_id })
  const inbox = openInbox(context.bus, ref.tenant, ref.thread_id, options.gone)
  const deadline = Date.now() + context.limits.stored_wait_ms
  try {
    const untouched = options.found !== undefined && isUntouched(options.found)
    const known = untouched ? null : await knownAnswer(context, ref, command, options)
    if (known !== null) return known as Sent<unknown> as Sent<T>
    const said = await withDeadline(
      context,
      context.gateway.send(
        ref,
        { ...command, ...keyed(ref.tenant, options), origin: 'http' },
        { delivery_id: options.delivery_id, new_thread: untouched },
      ),
    )
    const answer = await asStored(context, ref, command, options, said)
    const { event_seq } = answer
    if (answer.ok || TOLD_BY_THE_STORE.has(answer.rejection.code))
      await waitUntilStored(context, { thread_id: ref.thread_id, event_seq, deadline, inbox })
    const run_id = answer.ok ? answer.outcome['run_id'] : undefined
    if (typeof run_id === 'string') noteFacts({ run_id })
    if (!answer.ok)
      throw answer.rejection.code === 'idempotency_conflict'
        ? usedBefore(command, options.key, answer.rejection)
        : rejected(answer.rejection)
    return { outcome: answer.outcome as T, event_seq: answer.event_seq, replayed: answer.replayed }
  } finally {
    inbox.close()
  }
}

/** Commands whose sender the log names. */
const SIGNED: ReadonlySet<Command['type']> = new Set([
  'decision',
  'edit_pending',
  'retract_pending',
  'reorder_pending',
  'hold_pending',
  'release_pending',
])

/** Where it is known who calls, that is who acts, whatever the request says. */
function signed({ principal }: HttpContext, command: Command): Command {
  if (!isKnown(principal) || !SIGNED.has(command.type)) return command
  const { id, name } = principal
  return { ...command, by: name === null ? { id } : { id, name } } as Command
}

/** What the store says of a repeat that the thread may have forgotten, and of message ids that are taken. */
async function knownAnswer(
  context: HttpContext,
  ref: ThreadRef,
  command: Command,
  { route, key, found }: SendOptions,
): Promise<Sent<JsonObject> | null> {
  const taken = await takenMessageIds(context, ref, command)
  const named = key !== null || command.command_id !== undefined || taken.length > 0
  const id = named ? repeatId(ref.tenant, route, key, command) : null
  // One that was sent with the same key at the same time may have been stored since that was looked up.
  const isFound = key !== null && found !== undefined && (found.command !== null || taken.length === 0)
  const before = isFound ? found.command : id === null ? null : await context.store.engine.findCommand(ref, id)
  if (before !== null) {
    if (before.body_hash === bodyHash(command)) return { ...accepted(before.reply), replayed: true }
    throw usedBefore(command, key)
  }
  const run = await durableRun(context, ref, command)
  if (run !== null) return { outcome: asSubmitted(run), event_seq: 0, replayed: true }
  if (taken.length === 0) return null
  const names = taken.map((id) => `"${id}"`).join(', ')
  throw new HttpProblem('message_id_conflict', `Message id ${names} is in use already; give each message an id of its own.`, {
    message_ids: taken,
  })
}

/**
 * What holds of an answer: where the store has another to the same command already, that one (see `Delivered`). A
 * refusal is always looked up, since it costs little and "it was not done" must not be said of what was.
 */
async function asStored(
  context: HttpContext,
  ref: ThreadRef,
  command: Command,
  { route, key }: SendOptions,
  { repeated = false, delivery_id, ...answer }: Delivered,
): Promise<Answer> {
  if (answer.ok && !repeated) return answer
  // The thread has just found the store away; to ask it once more would only make the caller wait.
  if (!answer.ok && answer.rejection.code === 'store_unavailable') return answer
  const id = repeatId(ref.tenant, route, key, command) ?? delivery_id
  if (id === undefined) return answer
  const kept = await context.store.engine.findCommand(ref, id).catch((error: unknown) => {
    if (repeated) throw error
    return null
  })
  return kept === null || kept.body_hash !== bodyHash(command) ? answer : { ...answer, ...kept.reply }
}

/** What tells a repeat came with something else before. `refusal`: the thread's own word, for what has no name here. */
function usedBefore(command: Command, key: string | null, refusal?: Rejection): HttpProblem {
  const say = (what: string, facts: JsonObject = {}): HttpProblem =>
    new HttpProblem('idempotency_conflict', `${what} of its own.`, facts)
  if (key === null && command.type === 'submit' && command.messages[0]?.id !== undefined) {
    const { id } = command.messages[0]
    return say(`Message id "${id}" was used before with another request; give each message an id`, { message_ids: [id] })
  }
  if (key === null && command.type === 'decision' && command.decision_id !== undefined) {
    const { decision_id } = command
    return say(`Decision id "${decision_id}" was used before with another decision; give each decision an id`, { decision_id })
  }
  if (key === null && refusal !== undefined) return rejected(refusal)
  return say('This key was used before with another request; give each request a key')
}

/** A key is the command's id. Without one the thread tells a repeat by what the command names, if it names anything. */
function keyed(tenant: string, { route, key }: SendOptions): { command_id?: string } {
  return key === null ? {} : { command_id: keyedId(tenant, route, key) }
}

/** A durable submit's run is named after its message, so it is found again however long ago it was. */
async function durableRun(context: HttpContext, ref: ThreadRef, command: Command): Promise<RunRecord | null> {
  if (command.type !== 'submit' || command.durable !== true) return null
  const run_id = `durable-msg-${command.messages[0]?.id ?? ''}`
  return await context.store.conversation.getRun(ref.tenant, run_id, ref.thread_id)
}

/** A run's record as the answer to the submit that has made it. */
function asSubmitted({ thread_id, run_id, dispatch_id, status }: RunRecord): Submitted & JsonObject {
  const message_ids = [run_id.replace(/^durable-msg-/, '')]
  return { thread_id, run_id, dispatch_id, status: status === 'created' ? 'queued' : 'running', message_ids }
}

async function takenMessageIds(context: HttpContext, ref: ThreadRef, command: Command): Promise<string[]> {
  const ids = command.type === 'submit' ? command.messages.flatMap(({ id }) => id ?? []) : []
  return ids.length === 0 ? [] : await context.store.conversation.knownMessageIds(ref, ids)
}

function accepted(reply: Reply): { outcome: JsonObject; event_seq: number } {
  if (!reply.ok) throw rejected(reply.rejection)
  return { outcome: reply.outcome, event_seq: reply.event_seq }
}

function rejected({ code, message, detail }: Rejection): HttpProblem {
  return Object.hasOwn(PROBLEMS, code)
    ? new HttpProblem(code, message, detail)
    : new HttpProblem('invalid_command', message, detail)
}

/** The gateway has a deadline of its own; this one holds should it fail to keep it. */
async function withDeadline<T>(context: HttpContext, sent: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, refuse) => {
    timer = setTimeout(() => {
      refuse(new ThreadUnavailable('The thread did not answer in time; send the request again with the same Idempotency-Key.'))
    }, context.limits.command_timeout_ms)
  })
  try {
    return await Promise.race([sent, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What any submit may be refused for, besides what its own route looks up. */
export const SUBMIT_REFUSALS = [
  ...(['payload_too_large', 'agent_conflict', 'delivery_blocked', 'message_id_conflict', 'idempotency_conflict'] as const),
  ...(['queue_full', 'thread_unavailable', 'needs_reconcile'] as const),
] as const satisfies readonly ProblemCode[]

/** A submit's answer. */
export type Submitted = { run_id: string; dispatch_id: string; status: 'running' | 'queued'; message_ids: string[] }

/** What schemas give for absent fields may be undefined, all the way down. */
type Loose<T> = T extends readonly (infer U)[]
  ? Loose<U>[]
  : T extends object
    ? { [K in keyof T]: Loose<T[K]> | (undefined extends T[K] ? undefined : never) }
    : T

/** Leaves out what was not given, so that equal requests are equal commands. */
export function submitCommand(fields: Loose<Omit<SubmitCommand, 'type'>>): SubmitCommand {
  // Without what is undefined it is what the schemas checked, as JSON would carry it.
  return { ...(withoutUndefined(fields) as Omit<SubmitCommand, 'type'>), type: 'submit' }
}

function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (inner === undefined ? [] : [[key, withoutUndefined(inner)]])),
  )
}

/** Who acts, where the request says so; without what was not given, so that equal requests are equal commands. */
export function byWhom({ by }: { by?: { id?: string | undefined; name?: string | undefined } | undefined }): { by?: Decider } {
  if (by === undefined) return {}
  return { by: Object.fromEntries(Object.entries(by).filter(([, value]) => value !== undefined)) }
}
