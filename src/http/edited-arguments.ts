import { isObject, type Json } from '../thread/json.ts'
import type { Ticket } from '../thread/records.ts'
import type { Target } from './lookup.ts'
import type { HttpContext } from './options.ts'
import { HttpProblem } from './problems.ts'

export type Decided = {
  action: 'resume' | 'cancel'
  payload?: Json | undefined
  tool_call_id?: string | undefined
  ticket_id?: string | undefined
}

const PAGE = 200

/**
 * Arguments that a person has edited and that do not fit the tool would use the ticket up: the call would fail, and
 * the model be told of a mistake that it has not made. Throws `invalid_arguments`; the ticket stays open. What is not
 * known here (a ticket that has just opened or closed, a tool that is gone) is left to the thread.
 */
export async function checkEditedArguments(context: HttpContext, target: Target, decided: Decided): Promise<void> {
  const { checkArguments } = context
  const { action, payload } = decided
  if (checkArguments === null || action !== 'resume' || !isObject(payload)) return
  const { approved = true, edited_args } = payload
  if (approved !== true || !isObject(edited_args)) return
  const ticket = await findTicket(context, target, decided)
  // For a call that is answered from outside, such a payload is the answer.
  if (ticket === null || ticket.reason === 'user_input') return
  const { ticket_id, tool_call_id, tool_name } = ticket
  const misfit = await checkArguments(tool_name, edited_args)
  if (misfit === null) return
  const detail = `payload.edited_args: ${misfit}. Give all arguments of the call. Nothing was decided.`
  throw new HttpProblem('invalid_arguments', detail, { ticket_id, tool_call_id, tool_name })
}

async function findTicket(
  context: HttpContext,
  { ref, run }: Target,
  { ticket_id, tool_call_id }: Decided,
): Promise<Ticket | null> {
  const isMeant = (ticket: Ticket): boolean =>
    (ticket_id === undefined || ticket.ticket_id === ticket_id) &&
    (tool_call_id === undefined || ticket.tool_call_id === tool_call_id)
  const known = run?.waiting?.tickets.find(isMeant)
  if (known !== undefined) return known
  // Of a run that does not wait yet, since other calls of the step still work; and where a thread was named.
  const { items } = await context.store.conversation.listTickets(ref.tenant, { thread_id: ref.thread_id }, { limit: PAGE })
  return items.find(({ ticket }) => isMeant(ticket))?.ticket ?? null
}
