import { sql } from 'kysely'
import type { ThreadEvent } from '../thread/event.ts'
import type { RunRecord, Ticket } from '../thread/records.ts'
import type { Database } from './database.ts'
import { decodeCursor, toPage } from './page.ts'
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
    listTickets: async (tenant, filter, page) => {
      const after = decodeCursor(page.cursor)
      return database.run(async (db) => {
        let all = db.selectFrom('weft.tickets').where('tenant', '=', tenant)
        if (filter.thread_id !== undefined) all = all.where('thread_id', '=', filter.thread_id)
        let query = all
          .select(['thread_id', 'run_id', 'agent_id', 'ticket', 'created_at', 'ticket_id'])
          .orderBy('created_at')
          .orderBy('ticket_id')
        if (after !== null) query = query.where(sql<boolean>`(created_at, ticket_id) > (${after.at}::bigint, ${after.id}::text)`)
        const rows = await query
          .limit(page.limit + 1)
          .offset(page.offset ?? 0)
          .execute()
        return toPage(rows, page, {
          item: ({ thread_id, run_id, agent_id, ticket }) => ({ thread_id, run_id, agent_id, ticket }),
          key: (row) => ({ at: row.created_at, id: row.ticket_id }),
          count: async () => (await all.select(({ fn }) => fn.countAll<number>().as('total')).executeTakeFirstOrThrow()).total,
        })
      })
    },
  }
}
