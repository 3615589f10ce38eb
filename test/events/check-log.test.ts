import { describe, expect, test } from 'vitest'
import { EVENT_KINDS } from '../../src/events/schemas.ts'
import type { LogEvent } from '../../src/thread/envelope.ts'
import type { EventKind } from '../../src/thread/event.ts'
import { logProblems } from '../support/check-log.ts'
import { stories } from './stories.ts'

const told = stories()
const copy = (log: LogEvent[]): any[] => structuredClone(log)
const find = (log: any[], kind: EventKind, nth = 0): any => log.filter((event) => event.kind === kind)[nth]
/** Numbers anew, so that only the rule at hand is broken. */
const renumbered = (log: any[]): any[] => log.map((event, index) => ({ ...event, event_seq: index + 1 }))
const without = (log: any[], kind: EventKind, nth = 0): any[] => renumbered(log.filter((event) => event !== find(log, kind, nth)))
function swapped(log: any[], first: any, second: any): any[] {
  return renumbered(log.map((event) => (event === first ? second : event === second ? first : event)))
}

test('between them the stories come to every kind of event, and their logs are in order', () => {
  for (const [name, log] of Object.entries(told)) expect({ name, wrong: logProblems(log) }).toEqual({ name, wrong: [] })
  const kinds = new Set(Object.values(told).flatMap((log) => log.map(({ kind }) => kind)))
  expect([...EVENT_KINDS].filter((kind) => !kinds.has(kind))).toEqual([])
})

/** Each breaks one thing; the text is a part of what must be said about it. */
const BROKEN: [string, keyof typeof told, (log: any[]) => any[] | undefined][] = [
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
]

describe('a log that is broken is found out', () => {
  test.each(BROKEN)('%s (%s, %#)', (said, story, breaks) => {
    const log = copy(told[story] ?? [])
    const broken = breaks(log) ?? log
    expect(logProblems(broken).join('\n')).toContain(said)
  })
})
