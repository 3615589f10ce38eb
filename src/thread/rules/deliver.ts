import type { MessageInput } from '../message.ts'
import type { RunOverrides } from '../records.ts'
import type { Delivery } from '../pending.ts'
import { emit, type Draft } from '../draft.ts'
import type { Committable } from './messages.ts'

/** A message with the id that it keeps from now on. */
export type Accepted = { message: MessageInput; id: string }
export type Addressed = {
  delivery: Delivery
  agent_id: string
  overrides_key: string | null
  overrides?: RunOverrides
  for_run_id: string | null
}

/** Puts messages at the end of the queue. */
export function deliver(draft: Draft, messages: readonly Accepted[], how: Addressed): void {
  for (const { message, id } of messages) {
    const { role, content, visibility = 'external', metadata } = message
    emit(draft, {
      kind: 'PendingDelivered',
      run_id: how.for_run_id ?? how.delivery.target_run_id ?? null,
      payload: { pending_id: id, role, content, visibility, ...(metadata === undefined ? {} : { metadata }), ...how },
    })
  }
}

/** A message that is read at once. */
export function asInput({ message, id }: Accepted): Committable {
  const { role, content, visibility, metadata } = message
  return { message_id: id, role, content, visibility, metadata, step: null }
}
