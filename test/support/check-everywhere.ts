import { expect } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import type { LogEvent } from '../../src/thread/envelope.ts'
import type { Client } from '../http/support/client.ts'
import { logProblems } from './check-log.ts'

/** One rule for every suite: whatever a test did, when it is over each thread that it leaves has a log that is in order. */

const PAGE = 200

/** Every thread of a store, and its summary beside its log. For whoever closes the store. */
export async function checkStore(store: Store, tenant = 'default'): Promise<void> {
  for (let cursor = '', more = true; more;) {
    const page = await store.threads.list(tenant, {}, { limit: PAGE, cursor })
    for (const { id, last_seq, message_count } of page.items) {
      const log = await storedLog(store, tenant, id)
      const messages = messagesOf(log)
      const summary = `its summary says ${String(last_seq)} events and ${String(message_count)} messages, its log ${String(log.length)} and ${String(messages)}`
      mustBeRight(id, [...logProblems(log), ...(log.length === last_seq && messages === message_count ? [] : [summary])])
    }
    cursor = page.next_cursor
    more = page.has_more
  }
}

/** The same over HTTP. `seen`: the last event of each thread as of the last look; a thread without a newer one is left out. */
export async function checkService(client: Pick<Client, 'call'>, seen: Map<string, number> = new Map()): Promise<void> {
  for (let offset = 0, more = true; more; offset += PAGE) {
    const { body } = await get(client, `/v1/threads?limit=${String(PAGE)}&offset=${String(offset)}`)
    for (const { id, last_event_seq } of body.items) {
      if (seen.get(id) === last_event_seq) continue
      mustBeRight(id, logProblems(await shownLog(client, id)))
      seen.set(id, last_event_seq)
    }
    more = body.has_more
  }
}

/** A thread's whole log, over HTTP. */
export async function shownLog(client: Pick<Client, 'call'>, thread_id: string): Promise<LogEvent[]> {
  const all: LogEvent[] = []
  for (let cursor = ''; ;) {
    const { body } = await get(client, `/v1/threads/${thread_id}/events?limit=${String(PAGE)}${cursor}`)
    all.push(...body.items)
    if (!body.has_more) return all
    cursor = `&cursor=${encodeURIComponent(body.next_cursor)}`
  }
}

async function storedLog(store: Store, tenant: string, thread_id: string): Promise<LogEvent[]> {
  const all: LogEvent[] = []
  for (;;) {
    const after_seq = all.at(-1)?.event_seq ?? 0
    const { events } = await store.conversation.listEvents(tenant, { thread_id, after_seq, limit: PAGE })
    all.push(...events)
    if (events.length < PAGE) return all
  }
}

function messagesOf(log: LogEvent[]): number {
  const last = log.findLast(({ kind }) => kind === 'MessageCommitted' || kind === 'ThreadForked')
  return Number(last?.payload['message_seq'] ?? last?.payload['at_message_seq'] ?? 0)
}

function mustBeRight(thread_id: string, wrong: string[]): void {
  if (wrong.length > 0) throw new Error(`thread ${thread_id}: ${wrong.join('; ')}`)
}

async function get(client: Pick<Client, 'call'>, path: string): Promise<{ body: any }> {
  const answer = await client.call('GET', path)
  expect({ path, ...answer }).toMatchObject({ path, status: 200 })
  return answer
}
