import type { Command } from '../thread/command.ts'
import type { Json, JsonObject } from '../thread/json.ts'
import type { ThreadRef } from '../thread/ports.ts'
import type { PendingRow } from '../store/store.ts'
import { sendCommand, type SendOptions } from './commands.ts'
import { forgotten } from './forgotten.ts'
import type { HttpContext } from './options.ts'
import { tagOf } from './preconditions.ts'
import { presentPending } from './present.ts'
import { HttpProblem } from './problems.ts'

/** What people have written, which the thread itself does not keep at hand. */
export type Wording = { content: Json; metadata: JsonObject | null }
/** What the thread answers to a change of one entry: the entry without its wording. */
export type Changed = { pending: JsonObject & { pending_id: string; revision: number }; queue_revision: number }

/**
 * Sends a change of a pending message. What the thread does not know by heart, the store adds to its refusal: the
 * current entry with its content, and what became of a message that has left the queue long ago.
 */
export async function sendEdit<T>(context: HttpContext, ref: ThreadRef, command: Command, options: SendOptions): Promise<T> {
  try {
    return (await sendCommand<T>(context, ref, command, options)).outcome
  } catch (error) {
    if (!(error instanceof HttpProblem)) throw error
    if (error.code === 'pending_not_found' && 'pending_id' in command) throw await departed(context, ref, command.pending_id)
    if (error.code === 'revision_conflict') throw await withCurrent(context, ref, error)
    throw error
  }
}

/** Says what became of a message that is not pending: read, gone unread, or never there. */
export async function departed(context: HttpContext, ref: ThreadRef, pending_id: string): Promise<HttpProblem> {
  const receipt = await context.store.conversation.receipt(ref, pending_id)
  if (receipt === null || receipt.state === 'pending') {
    const text = `No pending message of this thread has this id.${await forgotten(context, ref)}`
    return new HttpProblem('pending_not_found', text)
  }
  const { state, run_id = null, step = null, message_seq = null, reason = null } = receipt
  if (state !== 'consumed') {
    const why = state === 'retracted' ? 'was retracted' : `was not delivered${reason === null ? '' : `: ${reason}`}`
    const detail = `The message ${why}. Send it again if it is still wanted.`
    return new HttpProblem('pending_gone', detail, { pending_id, state, run_id, reason })
  }
  const where = `by run "${run_id ?? ''}"${step === null ? '' : ` in step ${String(step)}`}`
  const detail = `The message has been read: ${where}. Send another to add to it.`
  return new HttpProblem('already_consumed', detail, { pending_id, run_id, step, message_seq })
}

/** The entry as it is now; throws what `departed` says where there is none. */
export async function requirePending(context: HttpContext, ref: ThreadRef, pending_id: string): Promise<PendingRow> {
  const row = await context.store.conversation.getPending(ref, pending_id)
  if (row === null) throw await departed(context, ref, pending_id)
  return row
}

/** The thread's own conflict, with the content of what it is about; a store that is behind adds nothing. */
async function withCurrent(context: HttpContext, ref: ThreadRef, { message, facts }: HttpProblem): Promise<HttpProblem> {
  const { pending_id, revision, queue_revision } = facts
  if (typeof pending_id !== 'string' || typeof revision !== 'number') {
    const tag = typeof queue_revision === 'number' ? { ETag: tagOf('queue', queue_revision) } : undefined
    return new HttpProblem('revision_conflict', message, facts, tag)
  }
  const row = await context.store.conversation.getPending(ref, pending_id)
  const shown = row?.revision === revision ? { ...facts, pending: presentPending(row) } : facts
  return new HttpProblem('revision_conflict', message, shown, { ETag: tagOf('entry', revision) })
}

/**
 * The content and metadata that an entry had at the revision of an answer. `before`: the entry as it was read before the
 * command was sent. Null in a late repeat of an answer to which nothing in the store belongs any more.
 */
export async function wordingAt(
  context: HttpContext,
  ref: ThreadRef,
  { pending_id, revision }: Changed['pending'],
  before: PendingRow | null,
): Promise<Wording> {
  if (before?.revision === revision) return wordingOf(before)
  const now = await context.store.conversation.getPending(ref, pending_id)
  if (now?.revision === revision) return wordingOf(now)
  const [read] = now === null ? await context.store.conversation.messagesByIds(ref, [pending_id]) : []
  return read === undefined ? { content: null, metadata: null } : wordingOf(read)
}

function wordingOf({ content, metadata }: { content: unknown; metadata?: JsonObject | null | undefined }): Wording {
  return { content: content as Json, metadata: metadata ?? null }
}
