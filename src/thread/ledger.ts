import type { Command } from './command.ts'
import { hash128 } from './ids.ts'
import { canonicalJson } from './json.ts'

/** How the ledger tells commands apart. The HTTP edge uses the same, for repeats older than the thread remembers. */

/** The id that a command without a command id carries in what it names: a decision's id, or a single message's id. */
export function ownId(command: Command): string | undefined {
  if (command.type === 'decision' && command.decision_id !== undefined) {
    return `decision:${command.tool_call_id ?? command.ticket_id ?? ''}:${command.decision_id}`
  }
  const only = command.type === 'submit' && command.messages.length === 1 ? command.messages[0] : undefined
  return only?.id === undefined ? undefined : `message:${only.id}`
}

/** What a parsed command says, without how it came: the same request by another way is the same command. */
export function hashBody(command: Command): string {
  const { command_id: _id, origin: _origin, by: _by, sent_at: _sent, ...body } = command
  return hash128(canonicalJson(body))
}
