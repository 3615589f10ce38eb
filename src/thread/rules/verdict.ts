import type { DecisionCommand } from '../command.ts'
import { isObject, type Json, type JsonObject } from '../json.ts'
import { reject, type Rejection } from '../reply.ts'
import type { ToolCall } from '../state.ts'

/** What a person or a program has decided of a ticket. */
export type Verdict =
  { kind: 'approved'; edited: boolean; remember: boolean } | { kind: 'answered' } | { kind: 'denied'; reason: string | null }

const APPROVED: Verdict = { kind: 'approved', edited: false, remember: false }
const KNOWN: ReadonlySet<string> = new Set(['approved', 'edited_args', 'result', 'remember', 'reason'])

/**
 * What a decision means for its call. Whoever wants to deny and mistypes it must not approve instead, so anything that
 * is not clearly one thing is refused as `invalid_decision`, and the ticket stays open.
 */
export function judge(command: DecisionCommand, call: ToolCall): Verdict | Rejection {
  const { action, payload = null } = command
  // To refuse is always safe, whatever comes with it.
  if (action === 'cancel') return { kind: 'denied', reason: reasonOf(command, payload) }
  return call.disposition === 'external' ? answer(command, payload) : approval(command, payload)
}

/** For a call that is answered from outside, the payload is the answer, or holds it as `result`. */
function answer(command: DecisionCommand, payload: Json): Verdict | Rejection {
  if (payload === null) return invalid('This call is answered from outside: give the answer as payload.result.')
  if (!isObject(payload)) return APPROVED
  if (typeof (payload['approved'] ?? true) !== 'boolean') return invalid('payload.approved must be true or false.')
  if (payload['approved'] === false)
    return 'result' in payload ? contradiction('result') : { kind: 'denied', reason: reasonOf(command, payload) }
  return 'result' in payload ? { kind: 'answered' } : APPROVED
}

function approval(command: DecisionCommand, payload: Json): Verdict | Rejection {
  if (payload === null) return APPROVED
  if (!isObject(payload)) return invalid('payload must be an object, such as {"approved": true}.')
  const strange = Object.keys(payload).find((key) => !KNOWN.has(key))
  if (strange !== undefined) return invalid(`payload.${strange.slice(0, 64)} is not known. Known are ${[...KNOWN].join(', ')}.`)
  const { approved = true, edited_args, remember = false, reason = '' } = payload
  if (typeof approved !== 'boolean') return invalid('payload.approved must be true or false.')
  if (typeof remember !== 'boolean') return invalid('payload.remember must be true or false.')
  if (typeof reason !== 'string') return invalid('payload.reason must be a text.')
  if (edited_args !== undefined && !isObject(edited_args))
    return invalid('payload.edited_args must be an object: all arguments of the call, in place of those that it has.')
  if (!approved) {
    const more = ['edited_args', 'result'].find((key) => key in payload) ?? (remember ? 'remember' : undefined)
    return more === undefined ? { kind: 'denied', reason: reasonOf(command, payload) } : contradiction(more)
  }
  if ('result' in payload)
    return edited_args === undefined
      ? { kind: 'answered' }
      : invalid('payload.result stands in the place of the call; with payload.edited_args it would run. Give one of them.')
  return { kind: 'approved', edited: edited_args !== undefined, remember }
}

function reasonOf(command: DecisionCommand, payload: Json): string | null {
  const given = isObject(payload) ? (payload as JsonObject)['reason'] : undefined
  return command.reason ?? (typeof given === 'string' ? given : null)
}

function contradiction(field: string): Rejection {
  return invalid(`payload.approved is false, so payload.${field} cannot be given.`)
}

function invalid(message: string): Rejection {
  return reject('invalid_decision', `${message} Nothing was decided.`)
}
