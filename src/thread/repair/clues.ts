import type { EventDraft, EventKind, ThreadEvent } from '../event.ts'
import type { Json } from '../json.ts'
import type { ToolCallPart, ToolResultPart } from '../message.ts'
import type { Ticket } from '../records.ts'
import { told, type Clue } from './clue.ts'
import { runClues } from './clues-run.ts'
import { tracedClues } from './clues-traced.ts'
import type { StoredMessage, ThreadFacts } from './facts.ts'
import type { Made, MadeCall } from './traces.ts'

/** What the rows say of each number in the log. */
export function cluesOf(facts: ThreadFacts): Map<number, Clue> {
  const clues = new Map<number, Clue>([...runClues(facts), ...tracedClues(facts)])
  const byNumber = new Map(facts.messages.map((message) => [message.message_seq, message]))
  const committed = new Map(
    facts.messages.flatMap((message) => (message.event_seq === null ? [] : [[message.event_seq, message]])),
  )
  const total = Math.max(facts.message_count, facts.snapshot?.message_seq ?? 0)
  for (const message of facts.messages) {
    const seq = message.event_seq
    if (seq === null) continue
    clues.set(seq, messageClue(seq, message, byNumber.get(message.message_seq - 1)))
    if (message.role === 'tool') clues.set(seq - 1, resultClue(seq - 1, message))
    if (message.made !== null) for (const [at, clue] of madeClues(seq, message, message.made)) clues.set(at, clue)
    const next = committed.get(seq + 1)
    if (next === undefined || next.run_id !== message.run_id)
      clues.set(seq + 1, checkpointClue(seq + 1, message, committed, byNumber, { total, inherited: facts.inherited }))
  }
  return clues
}

function always(kind: EventKind, event: ThreadEvent, lost: string[] = []): Clue {
  return { kind, derive: () => ({ event, lost }) }
}

function messageClue(seq: number, message: StoredMessage, before: StoredMessage | undefined): Clue {
  return {
    kind: 'MessageCommitted',
    derive: ({ state }) => {
      const { message_id, message_seq, role, content, visibility, step, run_id, metadata, read_by_step, interrupted } = message
      const known = message_seq === 1 || before !== undefined || state.message_seq === message_seq - 1
      const parent_message_id = message_seq === 1 ? null : (before?.message_id ?? (known ? state.last_message_id : null))
      const payload = { message_id, message_seq, role, content, visibility, parent_message_id, step }
      const more = {
        ...(step === null && read_by_step !== null ? { read_by_step } : {}),
        ...(interrupted ? { interrupted } : {}),
        ...(metadata === null ? {} : { metadata }),
      }
      const draft: EventDraft = { kind: 'MessageCommitted', run_id, payload: { ...payload, ...more } }
      return { event: told(seq, message.created_at, message.caused_by, draft), lost: known ? [] : ['parent_message_id'] }
    },
  }
}

/**
 * It stands behind each group of messages. The group is known to be whole if the messages before its first and behind
 * its last are known; what models and tools say comes alone.
 */
function checkpointClue(
  seq: number,
  last: StoredMessage,
  committed: ReadonlyMap<number, StoredMessage>,
  byNumber: ReadonlyMap<number, StoredMessage>,
  { total, inherited }: { total: number; inherited: number },
): Clue {
  const group = [last]
  for (let at = seq - 2; ; at--) {
    const message = committed.get(at)
    if (message === undefined || message.run_id !== last.run_id) break
    group.unshift(message)
  }
  const first = group[0] ?? last
  const begins = first.message_seq === inherited + 1 || byNumber.has(first.message_seq - 1)
  const ends = last.message_seq >= total || byNumber.has(last.message_seq + 1)
  const known = last.step !== null || (begins && ends)
  const payload = {
    message_seq_start: first.message_seq,
    message_seq_end: last.message_seq,
    message_count: group.length,
    message_ids: group.map(({ message_id }) => message_id),
  }
  const event = told(seq, last.created_at, last.caused_by, { kind: 'ThreadMessagesCheckpointed', run_id: last.run_id, payload })
  return { kind: 'ThreadMessagesCheckpointed', derive: () => (known ? { event, lost: [] } : null) }
}

function resultClue(seq: number, message: StoredMessage): Clue {
  const { step, message_id, run_id, created_at, caused_by } = message
  const part = typeof message.content === 'string' ? undefined : message.content.find(({ type }) => type === 'tool_result')
  if (part === undefined || step === null) return { kind: 'ToolCallDone', derive: () => null }
  const { tool_call_id, tool_name, status, data, message: text } = part as ToolResultPart
  const call = { step, tool_call_id, tool_name, message_id }
  const reason = cancelReason(data, text)
  if (reason !== null)
    return always(
      'ToolCallCancelled',
      told(seq, created_at, caused_by, { kind: 'ToolCallCancelled', run_id, payload: { ...call, reason } }),
    )
  const result = { tool_name, status, data, ...(text === undefined ? {} : { message: text }) }
  const outcome = status === 'success' ? ('succeeded' as const) : ('failed' as const)
  return always(
    'ToolCallDone',
    told(seq, created_at, caused_by, { kind: 'ToolCallDone', run_id, payload: { ...call, outcome, result } }),
  )
}

/** What the core writes into the result of a call that it cancels. */
function cancelReason(data: Json, text: string | undefined): string | null {
  if (typeof data !== 'object' || data === null || Array.isArray(data) || data['cancelled'] !== true) return null
  const { reason } = data
  return typeof reason === 'string' && text === `cancelled: ${reason}` ? reason : null
}

function* madeClues(seq: number, message: StoredMessage, made: Made): Generator<[number, Clue]> {
  const { run_id, step, created_at, caused_by } = message
  if (step === null) return
  const { calls = [], attempt, model, usage, duration_ms, finish_reason, agent_version, limits, worker } = made
  const inference = { step, attempt, model, usage, duration_ms, finish_reason, agent_version, limits }
  const payload = worker === undefined ? inference : { ...inference, worker }
  const draft: EventDraft = { kind: 'InferenceCompleted', run_id, payload }
  yield [seq - 1, always('InferenceCompleted', told(seq - 1, created_at, caused_by, draft))]
  const parts = typeof message.content === 'string' ? [] : message.content
  for (const call of calls) {
    const part = parts.find((one) => one.type === 'tool_call' && one.tool_call_id === call.tool_call_id) as
      ToolCallPart | undefined
    if (part === undefined) continue
    const at = seq + call.offset
    yield [at, always('ToolCallReady', told(at, created_at, caused_by, readyDraft(message, step, attempt, part, call)))]
    const { ticket_id } = call
    if (ticket_id !== null) yield [at + 1, askedClue(at + 1, message, step, part, { ...call, ticket_id })]
  }
}

function readyDraft(message: StoredMessage, step: number, model_attempt: number, part: ToolCallPart, call: MadeCall): EventDraft {
  const { tool_call_id, tool_name } = part
  const { disposition, repeatable, expires_in_ms, timeout_ms } = call
  const payload = {
    step,
    model_attempt,
    tool_call_id,
    tool_name,
    arguments: part.arguments,
    disposition,
    repeatable,
    expires_in_ms,
    timeout_ms,
  }
  return { kind: 'ToolCallReady', run_id: message.run_id, payload }
}

function askedClue(
  seq: number,
  message: StoredMessage,
  step: number,
  part: ToolCallPart,
  call: MadeCall & { ticket_id: string },
): Clue {
  const { tool_call_id, tool_name } = part
  const { run_id, created_at } = message
  const ticket: Ticket = {
    ticket_id: call.ticket_id,
    tool_call_id,
    tool_name,
    arguments: part.arguments,
    reason: call.disposition === 'approve' ? 'tool_permission' : 'user_input',
    created_at,
    ...(call.expires_in_ms === null ? {} : { expires_at: created_at + call.expires_in_ms }),
  }
  const draft: EventDraft = { kind: 'ToolPermissionRequested', run_id, payload: { step, ticket } }
  return always('ToolPermissionRequested', told(seq, created_at, message.caused_by, draft))
}
