import { setTimeout as delay } from 'node:timers/promises'
import { StoreUnavailable, type ExportedRun, type ExportStart } from '../../store/store.ts'
import type { JsonObject } from '../../thread/json.ts'
import type { ThreadRef } from '../../thread/ports.ts'
import type { HttpContext } from '../options.ts'
import { presentDispatch, presentEvent, presentMessage, presentPending, presentRun, presentThread } from '../present.ts'
import type { LineSink } from './lines.ts'

export const EXPORT_FORMAT = 'weft-export/1'
const PAGE = 50
const TRIES = 10
const RETRY_MS = 250

type Counts = { messages: number; runs: number; dispatches: number; events: number; pending: number }

/** The whole thread as of `start`, page by page. Throws, and so leaves out the last line, when something is missing. */
export async function writeExport(context: HttpContext, ref: ThreadRef, start: ExportStart, sink: LineSink): Promise<void> {
  const { thread, pending } = start
  const { last_seq, message_count } = thread
  const counts: Counts = { messages: 0, runs: 0, dispatches: 0, events: 0, pending: 0 }
  const write = async (kind: keyof Counts, lines: JsonObject[]): Promise<void> => {
    counts[kind] += lines.length
    await sink.write(lines)
  }
  const shown = presentThread(thread, context.gateway.workflowId(ref))
  await sink.write([{ type: 'thread', format: EXPORT_FORMAT, last_seq, thread: shown }])
  const { conversation, threads } = context.store
  while (counts.messages < message_count) {
    const range = { after: counts.messages, through: message_count, limit: PAGE }
    const rows = await patiently(sink, () => conversation.messagesBetween(ref, range))
    if (rows.length === 0) throw new Error('messages have gone while the thread was exported')
    await write(
      'messages',
      rows.map((row) => ({ type: 'message', ...presentMessage(row) })),
    )
  }
  for (const kind of ['runs', 'dispatches'] as const) {
    for (let after: ExportedRun | null = null, more = true; more;) {
      const from: ExportedRun | null = after
      const rows: ExportedRun[] = await patiently(sink, () => conversation.exportRuns(ref, start, from, PAGE))
      await write(kind, rows.flatMap(kind === 'runs' ? runLine : dispatchLine))
      after = rows.at(-1) ?? null
      more = rows.length === PAGE
    }
  }
  for (let after_seq = 0, more = true; more;) {
    const query = { thread_id: ref.thread_id, after_seq, limit: PAGE }
    const { events, kept_from } = await patiently(sink, () => conversation.listEvents(ref.tenant, query))
    if (after_seq > 0 && kept_from > after_seq + 1)
      throw new Error('events were dropped for their age while the thread was exported')
    const wanted = events.filter((event) => event.event_seq <= last_seq)
    await write(
      'events',
      wanted.map((event) => ({ type: 'event', ...presentEvent(event, `thread:${ref.thread_id}`) })),
    )
    after_seq = wanted.at(-1)?.event_seq ?? last_seq
    more = wanted.length === PAGE && after_seq < last_seq
  }
  await write(
    'pending',
    pending.map((row) => ({ type: 'pending', ...presentPending(row) })),
  )
  const still = await patiently(sink, () => threads.get(ref.tenant, ref.thread_id))
  if (still === null || still === 'deleted') throw new Error('the thread was deleted while it was exported')
  await sink.write([{ type: 'end', last_seq, counts }])
}

function runLine({ run }: ExportedRun): JsonObject[] {
  return [{ type: 'run', ...presentRun(run) }]
}

function dispatchLine({ dispatch }: ExportedRun): JsonObject[] {
  return dispatch === null ? [] : [{ type: 'dispatch', ...presentDispatch(dispatch) }]
}

/** A store that is away for a moment must not cut an export that has run for minutes. */
async function patiently<T>({ signal }: LineSink, read: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    signal.throwIfAborted()
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || tries === TRIES) throw error
      await delay(RETRY_MS * tries, undefined, { signal })
    }
  }
}
