import type { LogEvent } from '../../src/thread/envelope.ts'
import type { EventKind } from '../../src/thread/event.ts'
import { stories } from './stories.ts'

/** Logs of real threads with one thing wrong each, and what must be said about it. */

export const told = stories()
export const copy = (log: LogEvent[]): any[] => structuredClone(log)
export const find = (log: any[], kind: EventKind, nth = 0): any => log.filter((event) => event.kind === kind)[nth]
/** Numbers anew, so that only the rule at hand is broken. */
const renumbered = (log: any[]): any[] => log.map((event, index) => ({ ...event, event_seq: index + 1 }))
const without = (log: any[], kind: EventKind, nth = 0): any[] => renumbered(log.filter((event) => event !== find(log, kind, nth)))
function swapped(log: any[], first: any, second: any): any[] {
  return renumbered(log.map((event) => (event === first ? second : event === second ? first : event)))
}

/** The event once more, right behind itself or behind another. */
function again(log: any[], event: any, behind: any = event): any[] {
  const copied = { ...event, idempotency_key: `${String(event.idempotency_key)}/again` }
  return renumbered(log.flatMap((one) => (one === behind ? [one, copied] : [one])))
}
/** As an event of that run. */
function ofRun(event: any, run_id: string): void {
  event.run_id = event.payload.run_id = run_id
  event.scopes = [event.scopes[0], { type: 'run', id: run_id }]
}
const last = (log: any[], fits: (event: any) => boolean): any => log.filter(fits).at(-1)
const ended = (type: string) => (event: any) => event.kind === 'RunFinished' && event.payload.termination.type === type
const result = (event: any): boolean => event.kind === 'MessageCommitted' && event.payload.role === 'tool'

/** Each breaks one thing; the text is a part of what must be said about it. */
export const BROKEN: [string, keyof typeof told, (log: any[]) => any[] | undefined][] = [
  ['stands at place', 'talk', (log) => log.slice(1)],
  ['stands at place', 'talk', (log) => [...log.slice(0, 3), ...log.slice(4)]],
  [
    'idempotency key is not unique',
    'talk',
    (log) => void (log[5].idempotency_key = log.find((e, i) => i !== 5 && e.kind === log[5].kind).idempotency_key),
  ],
  ['a value is missing', 'talk', (log) => void (find(log, 'MessageCommitted').payload.lost = ['content'])],
  ['there is no such kind', 'talk', (log) => void (log[0].kind = 'Nothing')],
  ['fields that its schema does not know', 'talk', (log) => void (log[1].payload.more = 1)],
  ['payload.message_seq', 'talk', (log) => void (find(log, 'MessageCommitted').payload.message_seq = '1')],
  ['schema_version', 'talk', (log) => void (log[0].schema_version = 2)],
  [
    'it belongs to a run',
    'talk',
    (log) => {
      const event = find(log, 'RunStarted')
      Object.assign(event, { run_id: null, scopes: event.scopes.slice(0, 1), payload: { ...event.payload, run_id: null } })
    },
  ],
  ['scopes are not those', 'talk', (log) => void log[0].scopes.reverse()],
  ['another kind’s', 'talk', (log) => void (log[0].idempotency_key = 'Other/x')],
  ['is behind', 'talk', (log) => void (find(log, 'ThreadMessagesCheckpointed').payload.message_seq_start = 9)],
  ['the numbers have a gap', 'talk', (log) => void (find(log, 'ThreadMessagesCheckpointed').payload.message_seq_end = 2)],
  ['not the number of message_ids', 'talk', (log) => void (find(log, 'ThreadMessagesCheckpointed').payload.message_count = 2)],
  ['no checkpoint covers it', 'talk', (log) => without(log, 'ThreadMessagesCheckpointed', 5)],
  ['does not start where the last', 'talk', (log) => without(log, 'MessageCommitted', 1)],
  ['its ids are not those', 'talk', (log) => void (find(log, 'ThreadMessagesCheckpointed').payload.message_ids = ['x'])],
  [
    'is committed again',
    'talk',
    (log) => {
      const [first, second] = [find(log, 'MessageCommitted'), find(log, 'MessageCommitted', 2)]
      second.payload.message_id = first.payload.message_id
      second.idempotency_key += 'x'
    },
  ],
  ['its parent is not', 'talk', (log) => void (find(log, 'MessageCommitted', 2).payload.parent_message_id = 'x')],
  ['before its run was queued', 'talk', (log) => without(log, 'RunQueued')],
  ['before its run was started', 'talk', (log) => without(log, 'RunStarted')],
  ['before its run was started', 'talk', (log) => swapped(log, find(log, 'RunStarted'), find(log, 'RunFinished'))],
  ['after its run’s end', 'talk', (log) => swapped(log, find(log, 'MessageCommitted', 1), find(log, 'RunFinished'))],
  ['is open', 'talk', (log) => without(log, 'RunFinished')],
  ['is not complete', 'talk', (log) => without(log, 'InferenceCompleted')],
  ['the attempt is', 'talk', (log) => without(log, 'RunRescheduled')],
  ['does not fit the termination', 'talk', (log) => void (find(log, 'RunFinished').payload.status = 'superseded')],
  ['before its ToolCallReady', 'tools', (log) => without(log, 'ToolCallReady')],
  ['before its ToolCallReady', 'tools', (log) => swapped(log, find(log, 'ToolCallReady'), find(log, 'ToolCallDone'))],
  ['a result before its ToolCallDone', 'tools', (log) => without(log, 'ToolCallDone')],
  ['a call without a result', 'tools', (log) => without(log, 'ToolCallDone')],
  [
    'a result that is no message',
    'tools',
    (log) =>
      renumbered(
        log.filter((e) => e.payload.message_id !== find(log, 'ToolCallDone').payload.message_id || e.kind === 'ToolCallDone'),
      ),
  ],
  [
    'after its result',
    'tools',
    (log) =>
      renumbered([
        ...log.slice(0, -1),
        { ...find(log, 'ToolCallCancelled'), idempotency_key: 'ToolCallCancelled/x' },
        log.at(-1),
      ]),
  ],
  ['its ticket is not open', 'tools', (log) => without(log, 'ToolPermissionRequested')],
  ['before its MailboxDecisionReceived', 'tools', (log) => without(log, 'MailboxDecisionReceived')],
  ['its ticket is open', 'tools', (log) => without(log, 'ToolPermissionExpired')],
  ['outcome and result differ', 'tools', (log) => void (find(log, 'ToolCallDone').payload.outcome = 'failed')],
  ['not those that are open', 'tools', (log) => void find(log, 'RunWaiting').payload.tickets.shift()],
  ['it is not in the queue', 'queue', (log) => without(log, 'PendingDelivered', 0)],
  ['nobody held it', 'queue', (log) => without(log, 'PendingHeld')],
  ['it was held back', 'queue', (log) => without(log, 'PendingReleased')],
  ['its revision was 1', 'queue', (log) => void (find(log, 'PendingEdited').payload.revision = 3)],
  ['it is not the queue', 'queue', (log) => void find(log, 'PendingReordered').payload.pending_ids.pop()],
  ['the queue was not parked', 'queue', (log) => without(log, 'QueueParked')],
  ['the queue has', 'queue', (log) => void (find(log, 'QueueParked').payload.pending_count += 1)],
  ['a thread is forked before anything else', 'fork', (log) => swapped(log, log[0], log[1])],
  ['follows', 'fork', (log) => void Object.assign(log[0].payload, { at_message_seq: 3, message_count: 3 })],
  ['the history has a gap', 'fork', (log) => void (log[0].payload.message_count = 3)],
  // Between events.
  ['it is in the queue already', 'queue', (log) => again(log, find(log, 'PendingDelivered'))],
  ['the run was queued before', 'talk', (log) => again(log, find(log, 'RunQueued'))],
  ['RunStarted: the run was running', 'talk', (log) => again(log, find(log, 'RunStarted'))],
  ['RunResumed: the run was running', 'tools', (log) => again(log, find(log, 'RunResumed'))],
  [
    'InferenceCompleted: the run was waiting',
    'tools',
    (log) => again(log, find(log, 'InferenceCompleted'), find(log, 'RunWaiting')),
  ],
  ['it was to stop already', 'queue', (log) => again(log, find(log, 'RunInterrupted'))],
  ['RunRescheduled: the open step is', 'talk', (log) => void (find(log, 'RunRescheduled').payload.step = 2)],
  ['the attempt was', 'talk', (log) => void (find(log, 'RunRescheduled').payload.attempt = 5)],
  ['InferenceCompleted: the open step is', 'talk', (log) => void (find(log, 'InferenceCompleted').payload.step = 2)],
  ['steps were taken', 'talk', (log) => void (find(log, 'RunFinished').payload.steps = 9)],
  [
    'it was to stop',
    'queue',
    (log) => void Object.assign(last(log, ended('cancelled')).payload, { termination: { type: 'natural_end' }, status: 'acked' }),
  ],
  [
    'it does not end at the last message',
    'talk',
    (log) => {
      const [first, second] = [find(log, 'MessageCommitted'), find(log, 'MessageCommitted', 1)].map(
        (event) => event.payload.message_id,
      )
      const covers = { message_seq_start: 1, message_seq_end: 2, message_count: 2, message_ids: [first, second] }
      Object.assign(find(log, 'ThreadMessagesCheckpointed').payload, covers)
    },
  ],
  [
    'it covers messages of another run',
    'talk',
    (log) => void ofRun(find(log, 'ThreadMessagesCheckpointed'), find(log, 'RunQueued', 1).run_id),
  ],
  ['a call still runs', 'tools', (log) => without(log, 'ToolCallDone')],
  ['it holds another call’s result', 'tools', (log) => void (log.find(result).payload.content_blocks[0].tool_call_id = 'x')],
  ['the result is committed again', 'tools', (log) => again(log, log.find(result))],
  ['the call was there already', 'tools', (log) => again(log, find(log, 'ToolCallReady'))],
  ['its ticket is open already', 'tools', (log) => again(log, find(log, 'ToolPermissionRequested'))],
  [
    'it is another thread’s',
    'talk',
    (log) => {
      log[3].thread_id = log[3].payload.thread_id = log[3].scopes[0].id = 'another'
    },
  ],
  // Within one.
  ['a message is named twice', 'queue', (log) => void find(log, 'PendingReordered').payload.pending_ids.fill('a')],
  [
    'a message is named twice',
    'talk',
    (log) => {
      const { payload } = find(log, 'ThreadMessagesCheckpointed')
      Object.assign(payload, { message_seq_end: 2, message_count: 2, message_ids: ['a', 'a'] })
    },
  ],
  ['a message has no id', 'talk', (log) => void (find(log, 'ThreadMessagesCheckpointed').payload.message_ids = [' '])],
  ['the first message, and no other', 'talk', (log) => void (find(log, 'MessageCommitted', 1).payload.parent_message_id = null)],
  [
    'a message cannot be its own parent',
    'talk',
    (log) => {
      const { payload } = find(log, 'MessageCommitted', 1)
      payload.parent_message_id = payload.message_id
    },
  ],
  ['only a run’s input is read', 'talk', (log) => void (find(log, 'MessageCommitted', 1).payload.read_by_step = 1)],
  ['the dispatch is not queued', 'talk', (log) => void (find(log, 'RunQueued').payload.status = 'claimed')],
  ['more attempts than there may be', 'talk', (log) => void (find(log, 'RunQueued').payload.attempt_count = 99)],
  ['the dispatch is not claimed', 'talk', (log) => void (find(log, 'RunStarted').payload.status = 'queued')],
  ['the dispatch is not a dead letter', 'failures', (log) => void (find(log, 'RunErrored').payload.status = 'acked')],
  [
    'the termination is no error',
    'failures',
    (log) => void (find(log, 'RunErrored').payload.termination = { type: 'natural_end' }),
  ],
  [
    'an error is RunErrored',
    'talk',
    (log) => void (find(log, 'RunFinished').payload.termination = { type: 'error', value: 'x' }),
  ],
  [
    'a ticket is named twice',
    'tools',
    (log) => {
      const { payload } = find(log, 'RunWaiting')
      payload.tickets = [payload.tickets[0], payload.tickets[0]]
    },
  ],
  [
    'nothing is updated',
    'tools',
    (log) => {
      const { payload } = find(log, 'ThreadUpdated')
      delete payload.allowed_tools
      delete payload.state_patch
    },
  ],
  ['it belongs to no run', 'queue', (log) => void ofRun(find(log, 'QueueParked'), 'r')],
  ['name different streams', 'talk', (log) => void (log[0].payload.thread_id = 'x')],
]
