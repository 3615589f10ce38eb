import type { Command, SubmitCommand } from '../command.ts'
import { MAX_OUTBOX_BYTES, MAX_PENDING, MAX_QUEUE_BYTES } from '../limits.ts'
import { reject, type Rejection } from '../reply.ts'
import { waitingSize } from '../packed.ts'
import type { ThreadState } from '../state.ts'

/** Whether a thread can take a command in at all, whatever it says. */

/** Whoever wants something to stop is heard although the store is behind: what these leave behind is little. */
const ALWAYS_HEARD: ReadonlySet<Command['type']> = new Set(['interrupt', 'cancel', 'wake', 'decision'])

/** What is not stored yet stays in the workflow, and there is only so much room. */
export function roomFor(state: ThreadState, command: Command): Rejection | null {
  if (state.unstored.bytes <= MAX_OUTBOX_BYTES || ALWAYS_HEARD.has(command.type)) return null
  return reject('store_unavailable', 'The store is behind; send the command again in a moment.')
}

/**
 * Whether a command has made the queue larger than the state may be: it travels from one execution to the next and is
 * part of every write, and the server ends a workflow for a payload of 2 MB.
 */
export function overfull(before: ThreadState, after: ThreadState, { type }: Command): Rejection | null {
  if ((type !== 'submit' && type !== 'edit_pending') || after.queue.length === 0) return null
  const size = waitingSize(after)
  if (size <= MAX_QUEUE_BYTES || size <= waitingSize(before)) return null
  return reject(
    'queue_full',
    'The pending messages of the thread, with their metadata and overrides, would take more room than there is; wait until some are read, or interrupt the thread.',
  )
}

/** Whether these messages may join the queue: there is room for them, and their ids are new to it. */
export function admit(state: ThreadState, { messages }: SubmitCommand, queues: boolean): Rejection | null {
  return (queues ? roomInQueue(state, messages.length) : null) ?? newIds(state, messages)
}

function roomInQueue(state: ThreadState, more: number): Rejection | null {
  const { length } = state.queue
  if (length + more <= MAX_PENDING) return null
  return reject('queue_full', `The thread has ${String(length)} pending messages; wait until some are read, or interrupt it.`)
}

function newIds(state: ThreadState, messages: SubmitCommand['messages']): Rejection | null {
  const known = new Set([...state.queue, ...state.departed].map((entry) => entry.pending_id))
  for (const { id } of messages) {
    if (id === undefined) continue
    if (known.has(id)) {
      const text = `Message id "${id}" is in use already; give each message an id of its own.`
      return reject('message_id_conflict', text, { message_id: id })
    }
    known.add(id)
  }
  return null
}
