import type { ThreadEvent } from '../thread/event.ts'
import type { RunRecord, Ticket } from '../thread/records.ts'
import type { Database } from './database.ts'
import { readPage } from './page.ts'
import type { ConversationRows } from './store.ts'

type Opened = {
  run_id: string
  tool_call_id: string
  tool_name: string
  ticket_id: string
  agent_id: string | null
  created_at: number
  ticket: Ticket
}
/** Without a call: every ticket of the run. */
type Closed = { run_id: string; tool_call_id: string | null }

/**
 * What events (in order, their values in place) change about the open tickets: those still open after the last of
 * them, and those that are not whatever was stored before.
 */
export function ticketChanges(events: ThreadEvent[], records: RunRecord[]): { opened: Opened[]; closed: Closed[] } {
  const opened = new Map<string, Opened>()
  const closed = new Map<string, Closed>()
  const keyOf = (run_id: string, tool_call_id: string | null): string => JSON.stringify([run_id, tool_call_id])
  for (const event of events) {
    const { run_id } = event
    if (run_id === null) continue
    switch (event.kind) {
      case 'ToolPermissionRequested': {
        const { ticket } = event.payload
        const { ticket_id, tool_call_id, tool_name, created_at } = ticket
        const agent_id = records.find((record) => record.run_id === run_id)?.agent_id ?? null
        opened.set(keyOf(run_id, tool_call_id), { run_id, tool_call_id, tool_name, ticket_id, agent_id, created_at, ticket })
        break
      }
      case 'ToolPermissionResolved':
      case 'ToolPermissionExpired':
      case 'ToolCallDone':
      case 'ToolCallCancelled': {
        const { tool_call_id } = event.payload
        opened.delete(keyOf(run_id, tool_call_id))
        closed.set(keyOf(run_id, tool_call_id), { run_id, tool_call_id })
        break
      }
      case 'RunFinished':
      case 'RunErrored':
        for (const [key, ticket] of opened) if (ticket.run_id === run_id) opened.delete(key)
        closed.set(keyOf(run_id, null), { run_id, tool_call_id: null })
        break
      default:
    }
  }
  return { opened: [...opened.values()], closed: [...closed.values()] }
}

export function ticketRows(database: Database): Pick<ConversationRows, 'listTickets'> {
  return {
    listTickets: (tenant, filter, page) =>
      database.run((db) => {
        let all = db.selectFrom('weft.tickets').where('tenant', '=', tenant)
        if (filter.thread_id !== undefined) all = all.where('thread_id', '=', filter.thread_id)
        const columns = all.select(['thread_id', 'run_id', 'agent_id', 'ticket', 'created_at', 'ticket_id'])
        return readPage(
          all,
          columns,
          page,
          { at: 'created_at', id: 'ticket_id', newest_first: false },
          {
            item: ({ thread_id, run_id, agent_id, ticket }) => ({ thread_id, run_id, agent_id, ticket }),
            key: (row) => ({ at: row.created_at, id: row.ticket_id }),
          },
        )
      }),
  }
}
