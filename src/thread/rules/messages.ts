import type { EventOf, PayloadRef } from '../event.ts'
import type { JsonObject } from '../json.ts'
import type { Content, Role, Visibility } from '../message.ts'
import { emit, type Draft } from '../draft.ts'

/** One message to commit; `step` is null for a run's input. */
export type Committable = {
  message_id: string
  role: Role
  content: Content
  visibility?: Visibility | undefined
  metadata?: JsonObject | undefined
  step: number | null
  interrupted?: boolean
  refs?: PayloadRef[]
}

/** Numbers and commits messages, then marks how far the conversation is stored (source: seed 004). */
export function commitMessages(draft: Draft, run_id: string, messages: readonly Committable[]): void {
  if (messages.length === 0) return
  const first = draft.state.message_seq + 1
  for (const message of messages) commit(draft, run_id, message)
  emit(draft, {
    kind: 'ThreadMessagesCheckpointed',
    run_id,
    payload: {
      message_seq_start: first,
      message_seq_end: draft.state.message_seq,
      message_count: messages.length,
      message_ids: messages.map((message) => message.message_id),
    },
  })
}

function commit(draft: Draft, run_id: string, message: Committable): void {
  const payload: EventOf<'MessageCommitted'>['payload'] = {
    message_id: message.message_id,
    message_seq: draft.state.message_seq + 1,
    role: message.role,
    content: message.content,
    visibility: message.visibility ?? 'external',
    parent_message_id: draft.state.last_message_id,
    step: message.step,
  }
  const readBy = message.step === null ? draft.state.runs[run_id]?.step : undefined
  if (readBy !== undefined) payload.read_by_step = readBy
  if (message.interrupted === true) payload.interrupted = true
  if (message.metadata !== undefined) payload.metadata = message.metadata
  emit(draft, { kind: 'MessageCommitted', run_id, payload, ...(message.refs === undefined ? {} : { refs: message.refs }) })
}
