import type { SubmitCommand } from '../command.ts'
import { jsonSize } from '../json.ts'
import { MAX_OUTBOX_BYTES, MAX_PENDING, MAX_QUEUE_BYTES } from '../limits.ts'
import { reject, type Rejection } from '../reply.ts'
import type { ThreadState } from '../state.ts'

/** Whether a thread can take a command in at all, whatever it says. */

/** What is not stored yet stays in the workflow, and there is only so much room. */
export function roomFor(state: ThreadState): Rejection | null {
  if (state.unstored.bytes <= MAX_OUTBOX_BYTES) return null
  return reject('store_unavailable', 'The store is behind; send the command again in a moment.')
}

/** Whether these messages may join the queue: there is room for them, and their ids are new to it. */
export function admit(state: ThreadState, { messages }: SubmitCommand, queues: boolean): Rejection | null {
  return roomFor(state) ?? (queues ? roomInQueue(state, messages.length) : null) ?? newIds(state, messages)
}

function roomInQueue(state: ThreadState, more: number): Rejection | null {
  const { length } = state.queue
  if (length + more > MAX_PENDING) {
    return reject('queue_full', `The thread has ${String(length)} pending messages; wait until some are read, or interrupt it.`)
  }
  if (length === 0 || jsonSize([state.queue, state.runs]) <= MAX_QUEUE_BYTES) return null
  return reject(
    'queue_full',
    'The pending messages of the thread take all the room there is; wait until some are read, or interrupt it.',
  )
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
