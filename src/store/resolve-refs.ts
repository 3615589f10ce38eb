import { sql } from 'kysely'
import type { PayloadRef, ThreadEvent, ValueRef } from '../thread/event.ts'
import { isObject, type Json } from '../thread/json.ts'
import type { Content } from '../thread/message.ts'
import type { PersistBatch, RunWrite, ThreadRef } from '../thread/ports.ts'
import { toJsonText } from './json-text.ts'
import type { Db } from './schema.ts'
import type { StagedCache } from './staged-cache.ts'

/** An event with its values in place. `lost` names the places ("content", "result.data") whose values are gone. */
export type Resolved = { event: ThreadEvent; lost: string[] }
type Found = { staged: Map<string, Json>; pending: Map<string, Json>; events: Map<number, Json> }

/** Whether a batch names a value that only the store has: if not, resolving it reads nothing. */
export function readsStore(batch: PersistBatch, cache: StagedCache): boolean {
  const wanted = outside(batch.events)
  const isUnknown = (ref: StagedRef): boolean => cache.get(batch, ref) === undefined
  return (
    wanted.pending.length + wanted.events.length > 0 ||
    wanted.staged.some(isUnknown) ||
    batch.runs.some((run) => {
      const text = finalText(run)
      return (text !== null && isUnknown(text)) || run.record.waiting?.tickets.some((ticket) => ticket.arguments === null)
    })
  )
}

/** Where a run's final text stands, if its record does not hold it. */
function finalText({ record, final_output_ref: at }: RunWrite): StagedRef | null {
  return record.final_output === null && at !== null ? staged(record.run_id, at.step, at.attempt, 'text') : null
}

/**
 * Puts the values that references name into payloads, reading each table at most once. A batch's own events are
 * looked at first, so an event may refer to one before it. What is gone: an optional value becomes "", any other
 * null (a message's content the empty text), and its place is listed.
 */
export async function resolveEvents(db: Db, ref: ThreadRef, events: ThreadEvent[], cache: StagedCache): Promise<Resolved[]> {
  if (events.every((event) => (event.refs ?? []).length === 0)) return events.map((event) => ({ event, lost: [] }))
  const found = await readValues(db, ref, events, cache)
  return events.map((event) => {
    const resolved = resolveEvent(event, found)
    found.events.set(event.seq, resolved.event.payload as Json)
    const given = pendingContent(resolved.event)
    if (given !== null) found.pending.set(given.pending_id, given.content as Json)
    return resolved
  })
}

/** The content that an event gives a pending message, whatever it had before; null for events that give none. */
export function pendingContent(event: ThreadEvent): { pending_id: string; content: Content } | null {
  if (event.kind !== 'PendingDelivered' && event.kind !== 'PendingEdited') return null
  const { pending_id, content } = event.payload
  return content === undefined ? null : { pending_id, content }
}

/** Run records with their final text, and their tickets with the arguments that were too large to travel. */
export async function resolveRuns(db: Db, ref: ThreadRef, runs: RunWrite[], cache: StagedCache): Promise<RunWrite['record'][]> {
  const texts = runs.map(finalText)
  const args = runs.flatMap(({ record }) =>
    (record.waiting?.tickets ?? [])
      .filter((ticket) => ticket.arguments === null)
      .map((ticket) => [record.run_id, `args:${ticket.tool_call_id}`] as const),
  )
  const values = await readStaged(
    db,
    ref,
    texts.filter((text) => text !== null),
    args,
    cache,
  )
  return runs.map(({ record }, index) => {
    const text = texts[index] ? values.get(stagedKey(texts[index])) : undefined
    const known = (id: string): Json | undefined => values.get(anyAttemptKey(record.run_id, `args:${id}`))
    const waiting = record.waiting && {
      ...record.waiting,
      tickets: record.waiting.tickets.map((ticket) => ({
        ...ticket,
        arguments: ticket.arguments ?? known(ticket.tool_call_id) ?? null,
      })),
    }
    return { ...record, waiting, final_output: record.final_output ?? (typeof text === 'string' ? text : null) }
  })
}

type StagedRef = Extract<ValueRef, { from: 'staged' }>
const staged = (run_id: string, step: number, attempt: number, part: string): StagedRef => ({
  from: 'staged',
  run_id,
  step,
  attempt,
  part,
})
const stagedKey = (ref: StagedRef): string => JSON.stringify([ref.run_id, ref.step, ref.attempt, ref.part])
const anyAttemptKey = (run_id: string, part: string): string => JSON.stringify([run_id, part])

/** What the events refer to and do not hold themselves. An edit stands in for a delivery that was stored long ago. */
function outside(events: ThreadEvent[]): { staged: StagedRef[]; pending: string[]; events: number[] } {
  const own = new Set(events.map((event) => event.seq))
  const given = new Set<string>()
  const wanted: ReturnType<typeof outside> = { staged: [], pending: [], events: [] }
  for (const event of events) {
    for (const { ref } of event.refs ?? []) {
      if (ref.from === 'staged') wanted.staged.push(ref)
      else if (ref.from === 'pending' && !given.has(ref.pending_id)) wanted.pending.push(ref.pending_id)
      else if (ref.from === 'event' && !own.has(ref.seq)) wanted.events.push(ref.seq)
    }
    const content = pendingContent(event)
    if (content !== null) given.add(content.pending_id)
  }
  return wanted
}

async function readValues(db: Db, ref: ThreadRef, events: ThreadEvent[], cache: StagedCache): Promise<Found> {
  const { staged: stagedRefs, pending: pendingIds, events: seqs } = outside(events)
  const found: Found = { staged: await readStaged(db, ref, stagedRefs, [], cache), pending: new Map(), events: new Map() }
  if (pendingIds.length > 0) {
    const rows = await db
      .selectFrom('weft.pending')
      .select(['pending_id', 'content'])
      .where('tenant', '=', ref.tenant)
      .where('thread_id', '=', ref.thread_id)
      .where('pending_id', 'in', pendingIds)
      .execute()
    for (const row of rows) found.pending.set(row.pending_id, row.content as Json)
  }
  if (seqs.length > 0) {
    const rows = await db
      .selectFrom('weft.events')
      .select(['seq', 'payload'])
      .where('tenant', '=', ref.tenant)
      .where('thread_id', '=', ref.thread_id)
      .where('seq', 'in', seqs)
      .execute()
    // The log shows a message's content as `content_blocks`; a path speaks of the event as the thread made it.
    for (const row of rows) {
      const blocks = row.payload.content_blocks
      found.events.set(row.seq, blocks === undefined ? row.payload : { ...row.payload, content: blocks })
    }
  }
  return found
}

/** `anywhere`: parts whose step and attempt the caller does not know; the latest counts. */
async function readStaged(
  db: Db,
  ref: ThreadRef,
  refs: StagedRef[],
  anywhere: (readonly [string, string])[],
  cache: StagedCache,
): Promise<Map<string, Json>> {
  const values = new Map<string, Json>()
  const unknown: StagedRef[] = []
  for (const at of refs) {
    const value = cache.get(ref, at)
    if (value === undefined) unknown.push(at)
    else values.set(stagedKey(at), value)
  }
  if (unknown.length > 0) {
    const { rows } = await sql<StagedRef & { value: Json }>`
      select s.run_id, s.step, s.attempt, s.part, s.value
      from json_to_recordset(${toJsonText(unknown)}::json) as w (run_id text, step int, attempt int, part text)
      join weft.staged s on s.tenant = ${ref.tenant} and s.thread_id = ${ref.thread_id}
        and s.run_id = w.run_id and s.step = w.step and s.attempt = w.attempt and s.part = w.part`.execute(db)
    for (const row of rows) values.set(stagedKey(row), row.value)
  }
  if (anywhere.length > 0) {
    const rows = await db
      .selectFrom('weft.staged')
      .select(['run_id', 'part', 'value'])
      .where('tenant', '=', ref.tenant)
      .where('thread_id', '=', ref.thread_id)
      .where('run_id', 'in', [...new Set(anywhere.map(([run_id]) => run_id))])
      .where('part', 'in', [...new Set(anywhere.map(([, part]) => part))])
      .orderBy('step')
      .orderBy('attempt')
      .execute()
    for (const row of rows) values.set(anyAttemptKey(row.run_id, row.part), row.value)
  }
  return values
}

function resolveEvent(event: ThreadEvent, found: Found): Resolved {
  const lost: string[] = []
  let payload = event.payload as unknown as Json
  for (const { at, ref } of event.refs ?? []) {
    let value = look(ref, found)
    if (value === undefined) {
      if (ref.from === 'staged' && ref.optional === true) value = ''
      else {
        lost.push(at.join('.'))
        value = at.join('.') === 'content' ? '' : null
      }
    }
    payload = replaced(payload, at, value)
  }
  return { event: { ...event, payload } as unknown as ThreadEvent, lost }
}

function look(ref: ValueRef, found: Found): Json | undefined {
  switch (ref.from) {
    case 'staged':
      return found.staged.get(stagedKey(ref))
    case 'pending':
      return found.pending.get(ref.pending_id)
    case 'event': {
      let value = found.events.get(ref.seq)
      for (const step of ref.path) value = child(value, step)
      return value
    }
  }
}

function child(value: Json | undefined, step: string): Json | undefined {
  if (Array.isArray(value)) return value[Number(step)]
  return isObject(value) && Object.hasOwn(value, step) ? (value as { [key: string]: Json })[step] : undefined
}

/** A copy of `value` with `at` replaced; what the path does not find on its way is made an object. */
function replaced(value: Json | undefined, at: PayloadRef['at'], by: Json): Json {
  const [step, ...rest] = at
  if (step === undefined) return by
  if (Array.isArray(value)) return value.map((item, index) => (index === Number(step) ? replaced(item, rest, by) : item))
  return { ...(isObject(value) ? (value as { [key: string]: Json }) : {}), [step]: replaced(child(value, step), rest, by) }
}
