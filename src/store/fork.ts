import { sql } from 'kysely'
import { forkedThread } from '../thread/fork.ts'
import { patched, type JsonObject } from '../thread/json.ts'
import { contentParts, type Content, type Role } from '../thread/message.ts'
import type { ThreadRef } from '../thread/ports.ts'
import { eventHash, toEventRow } from './event-log.ts'
import { lockLineage, stretchesThrough, type Stretch } from './lineage.ts'
import { writeBatch } from './persist-write.ts'
import type { Tx } from './schema.ts'
import type { Forked, NewThread, ThreadRow } from './store.ts'
import { createThread } from './thread-create.ts'

/** A message of the conversation that is forked, and the thread that has its row. */
type Found = { source: string; message_seq: number; message_id: string; run_id: string | null; role: Role; content: Content }

/**
 * Makes a thread that goes on from message `at` of another. It costs the same for any number of messages: a few rows
 * say whose they are. The workflow, which the next command starts, loads the snapshot that is written here.
 */
export async function forkThread(
  tx: Tx,
  tenant: string,
  { source, at, thread }: { source: string; at: number; thread: NewThread },
): Promise<Forked> {
  await lockLineage(tx, tenant, 'fork')
  const from = { tenant, thread_id: source }
  const row = await tx
    .selectFrom('weft.threads')
    .select(['resource_id', 'agent_id', 'message_count', 'deleted_at'])
    .where('tenant', '=', tenant)
    .where('id', '=', source)
    .executeTakeFirst()
  if (row === undefined) return { status: 'source_not_found' }
  if (row.deleted_at !== null) return { status: 'source_deleted' }
  if (at > row.message_count) return { status: 'no_such_message', last_seq: row.message_count }
  const stretches = await stretchesThrough(tx, from, at)
  const open = await openCalls(tx, tenant, stretches, source, at)
  if (open !== null) return { status: 'open_calls', ...open }
  const last = (await messages(tx, tenant, stretches.slice(-1), { from: at, to: at }))[0]
  if (last === undefined) return { status: 'no_such_message', last_seq: row.message_count }

  const fork = { forked_from_thread_id: source, forked_at_seq: at }
  const created = await createThread(tx, tenant, { resource_id: row.resource_id, ...thread }, fork)
  if (created.status !== 'created') return created
  const agent_id = (await agentOf(tx, tenant, last)) ?? row.agent_id
  await begin(tx, created.thread, stretches, {
    parent_thread_id: source,
    at_message_seq: at,
    message_count: at,
    last_message_id: last.message_id,
    agent_id,
    state: await stateAt(tx, tenant, last),
  })
  return { status: 'created', thread: { ...created.thread, agent_id, last_seq: 1, message_count: at } }
}

/** The first event, the snapshot and the stretches of a thread whose row is there. */
async function begin(
  tx: Tx,
  { tenant, id, created_at }: ThreadRow,
  stretches: Stretch[],
  payload: Parameters<typeof forkedThread>[2],
): Promise<void> {
  const ref: ThreadRef = { tenant, thread_id: id }
  const { event, snapshot } = forkedThread(ref, created_at, payload)
  const { agent_id, at_message_seq } = payload
  const summary = { status: 'idle' as const, agent_id, active_run_id: null, message_count: at_message_seq, queue_revision: 0 }
  const batch = { ...ref, epoch: 0, events: [event], last_seq: 1, runs: [], queue: null, ledger: [], summary, snapshot }
  const rows = [toEventRow(id, event, [])]
  await writeBatch(tx, { batch, now: created_at, last_seq: 1, rows, resolved: [event], hashes: [eventHash(event)], records: [] })
  const values = stretches.map(({ thread_id, from_seq, to_seq }) => ({ ...ref, source_thread_id: thread_id, from_seq, to_seq }))
  await tx.insertInto('weft.lineage').values(values).execute()
}

/**
 * Whether the message stands in a step whose calls do not all have their results by then, and the nearest places
 * that will do: before the step's answer, and after its last result if that is there already.
 */
async function openCalls(
  tx: Tx,
  tenant: string,
  stretches: Stretch[],
  source: string,
  at: number,
): Promise<{ before: number | null; after: number | null } | null> {
  // Beyond the fork's place the rows are the thread's own or another's, so a step may go on in the next stretch.
  const [head] = await messages(tx, tenant, [...stretches].reverse(), { to: at, but: 'tool', limit: 1 })
  if (head === undefined || head.role !== 'assistant') return null
  const calls = new Set(contentParts(head.content).flatMap((part) => (part.type === 'tool_call' ? [part.tool_call_id] : [])))
  if (calls.size === 0) return null
  const whole = await stretchesThrough(tx, { tenant, thread_id: source }, head.message_seq + calls.size)
  const after = await messages(tx, tenant, whole, { from: head.message_seq + 1, to: head.message_seq + calls.size })
  for (const { role, content, message_seq } of after) {
    if (role !== 'tool') break
    for (const part of contentParts(content)) if (part.type === 'tool_result') calls.delete(part.tool_call_id)
    if (calls.size === 0) {
      if (message_seq <= at) return null
      return { before: head.message_seq > 1 ? head.message_seq - 1 : null, after: message_seq }
    }
  }
  return { before: head.message_seq > 1 ? head.message_seq - 1 : null, after: null }
}

/** Messages of these stretches, in the order of the stretches; with `but` and `limit`: the last ones without a role. */
async function messages(
  tx: Tx,
  tenant: string,
  stretches: Stretch[],
  { from = 1, to, but, limit }: { from?: number; to: number; but?: Role; limit?: number },
): Promise<Found[]> {
  const found: Found[] = []
  for (const { thread_id, from_seq, to_seq } of stretches) {
    const rows = await tx
      .selectFrom('weft.messages')
      .select(['message_seq', 'message_id', 'run_id', 'role', 'content'])
      .where('tenant', '=', tenant)
      .where('thread_id', '=', thread_id)
      .where('message_seq', '>=', Math.max(from, from_seq))
      .where('message_seq', '<=', Math.min(to, to_seq))
      .$if(but !== undefined, (query) => query.where('role', '<>', but ?? 'tool'))
      .orderBy('message_seq', limit === undefined ? 'asc' : 'desc')
      .$if(limit !== undefined, (query) => query.limit(limit ?? 1))
      .execute()
    found.push(...rows.map((row) => ({ ...row, source: thread_id })))
    if (limit !== undefined && found.length >= limit) break
  }
  return found
}

async function agentOf(tx: Tx, tenant: string, { source, run_id }: Found): Promise<string | null> {
  const { rows } = await sql<{ agent_id: string }>`
    select record ->> 'agent_id' as agent_id from weft.runs
    where tenant = ${tenant} and thread_id = ${source} and run_id = ${run_id}`.execute(tx)
  return rows[0]?.agent_id ?? null
}

/**
 * The shared state when this message was committed, folded from the log of the thread that has it. Empty where that
 * log does not tell: its old events were dropped (the first run's are the first to go), or the row is a copy.
 */
async function stateAt(tx: Tx, tenant: string, { source, run_id, message_id }: Found): Promise<JsonObject> {
  const key = `MessageCommitted/${source}/${run_id ?? source}/${message_id}`
  const { rows } = await sql<{ seq: number }>`
    select e.seq from weft.events e
    where e.tenant = ${tenant} and e.thread_id = ${source} and e.run_id = ${run_id} and e.idempotency_key = ${key}
      and exists (select 1 from weft.threads t where t.tenant = ${tenant} and t.id = ${source} and t.kept_from = 1)
      and exists (
        select 1 from weft.events f where f.tenant = ${tenant} and f.thread_id = ${source} and f.run_id = (
          select r.run_id from weft.runs r where r.tenant = ${tenant} and r.thread_id = ${source}
          order by r.created_at, r.run_id limit 1))`.execute(tx)
  const [committed] = rows
  if (committed === undefined) return {}
  const changes = await sql<{ payload: { state?: JsonObject; state_patch?: JsonObject } }>`
    select payload from weft.events
    where tenant = ${tenant} and thread_id = ${source} and kind in ('ThreadForked', 'ThreadUpdated')
      and seq <= ${committed.seq}::bigint
    order by seq`.execute(tx)
  return changes.rows.reduce<JsonObject>((state, { payload }) => patched(payload.state ?? state, payload.state_patch ?? {}), {})
}
