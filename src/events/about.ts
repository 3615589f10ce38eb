import type { EventKind } from '../thread/event.ts'

/**
 * What each kind says, in a sentence or two, and what an event of it is told apart by. Names in braces stand for
 * fields of the payload; `{run}` is the run's id, or the thread's where there is no run, and what
 * stands in brackets is left out where there is no such field.
 */
type About = { says: string; key: string; correlation: string | null }

const dispatched = (says: string, key: string): About => ({ says, key, correlation: '{dispatch_id}' })
const ofRun = (says: string, key: string): About => ({ says, key, correlation: '{run_id}' })
const alone = (says: string, key: string): About => ({ says, key, correlation: null })
const BY_ATTEMPT = '{dispatch_id}/{attempt_count}'
const BY_CALL = '{run}/{step}/{tool_call_id}'
const BY_MESSAGE = '{thread_id}/{pending_id}'

const RUNS = {
  RunQueued: dispatched('A run is there, and its dispatch waits for its turn.', BY_ATTEMPT),
  RunStarted: dispatched('The run is active; its input follows as committed messages.', BY_ATTEMPT),
  RunResumed: dispatched(
    'A waiting run goes on: a decision came, the user wrote instead, or a ticket expired.',
    `${BY_ATTEMPT}/{event_seq}`,
  ),
  RunWaiting: dispatched('Nothing of the run can go on without these decisions.', '{run}/{event_seq}'),
  RunInterrupted: dispatched(
    'The run is to stop. It ends as the termination says, by `stop_at` at the latest, whatever its model or tools do.',
    `${BY_ATTEMPT}/{event_seq}`,
  ),
  RunRescheduled: dispatched(
    'An attempt of a step has failed and attempt `attempt` follows; with a `tool_call_id`: of that tool call.',
    `${BY_ATTEMPT}/{step}[/{tool_call_id}]/{attempt}`,
  ),
  RunErrored: dispatched(
    'The end of a run that failed. A run ends with this or with `RunFinished`, never with both.',
    BY_ATTEMPT,
  ),
  RunFinished: dispatched('The end of a run that did not fail, and what it came to.', BY_ATTEMPT),
  InferenceCompleted: ofRun(
    'A model call has answered: with which model, for how much. The answer follows as a committed message, its calls as `ToolCallReady`.',
    '{run}/{step}/{attempt}',
  ),
  MailboxTimeout: dispatched(
    'A model or a tool that was to stop did not within its time; the run goes on without it.',
    `${BY_ATTEMPT}/{event_seq}`,
  ),
  MailboxSubmitFailed: dispatched('What was accepted cannot become a run, its agent being unknown by now for one.', BY_ATTEMPT),
  MailboxResumeFailed: dispatched('An accepted decision cannot be carried out.', `${BY_ATTEMPT}/{event_seq}`),
} satisfies Partial<Record<EventKind, About>>

const MESSAGES = {
  MessageCommitted: ofRun(
    'A message is part of the conversation for good: numbered, and read or made by a run.',
    '{thread_id}/{run}/{message_id}',
  ),
  ThreadMessagesCheckpointed: ofRun(
    'Messages of one run from a number to another are committed; every message is in one of these.',
    '{thread_id}/{run}/{message_seq_start}-{message_seq_end}',
  ),
} satisfies Partial<Record<EventKind, About>>

const QUEUE = {
  PendingDelivered: ofRun('A message waits in the queue, to be read as its delivery says.', BY_MESSAGE),
  PendingEdited: ofRun(
    'A pending message has changed. `edited`: somebody gave it a new wording. `target_ended`: the run it was meant for has ended, and it waits for the next.',
    `${BY_MESSAGE}/{event_seq}`,
  ),
  PendingRetracted: ofRun('A pending message was taken back.', BY_MESSAGE),
  PendingReordered: alone('The queue has a new order: all of it, front first.', '{thread_id}/{event_seq}'),
  PendingHeld: ofRun(
    'A pending message, and what stands behind it in its lane, is kept from being read for a time.',
    `${BY_MESSAGE}/{event_seq}`,
  ),
  PendingReleased: ofRun('It may be read again: somebody let it go, or the time is over.', `${BY_MESSAGE}/{event_seq}`),
  PendingUndelivered: ofRun('A pending message left the queue and nobody will read it.', BY_MESSAGE),
  QueueParked: alone('The queue waits until somebody resumes it.', '{thread_id}/{event_seq}'),
  QueueResumed: alone('The parked queue goes on.', '{thread_id}/{event_seq}'),
} satisfies Partial<Record<EventKind, About>>

const TOOLS = {
  ToolCallReady: ofRun(
    'An answer asks for this call, and what is done about it: run it, ask for approval, wait for a result from outside, or refuse.',
    BY_CALL,
  ),
  ToolCallDone: ofRun('The call has its result, which follows as a committed message.', BY_CALL),
  ToolCallCancelled: ofRun('The call was given up, and its result says so.', BY_CALL),
  ToolPermissionRequested: ofRun('A call waits for a decision: its ticket is open.', '{run}/{ticket.ticket_id}'),
  ToolPermissionResolved: {
    says: 'The ticket is decided: approved, denied, or answered with a result.',
    key: '{run}/{tool_call_id}/{decision_id}',
    correlation: '{decision_id}',
  },
  ToolPermissionExpired: ofRun('Nobody decided in time.', '{run}/{ticket_id}'),
  MailboxDecisionReceived: {
    says: 'A decision has come: whose, by which way (`origin`), and whether the run still worked (`live`) or waited (`durable`).',
    key: '{run}/{tool_call_id}/{decision_id}',
    correlation: '{decision_id}',
  },
} satisfies Partial<Record<EventKind, About>>

const THREAD = {
  ThreadUpdated: alone(
    'The thread remembers something: tools that need no approval any more, or a change of its shared state (null removes a key).',
    '{thread_id}/{event_seq}',
  ),
  ThreadForked: alone('The first event of a fork: whose conversation it goes on with, from which message.', '{thread_id}'),
  CommandRejected: {
    says: 'A command that came as a signal was refused; it had nobody to answer to.',
    key: '{thread_id}/{event_seq}',
    correlation: '{command_id}',
  },
} satisfies Partial<Record<EventKind, About>>

export const ABOUT: Readonly<Record<EventKind, About>> = { ...RUNS, ...MESSAGES, ...QUEUE, ...TOOLS, ...THREAD }
/** In the order in which they are explained. */
export const GROUPS: readonly { title: string; kinds: EventKind[] }[] = [
  { title: 'Runs', kinds: Object.keys(RUNS) as EventKind[] },
  { title: 'Messages', kinds: Object.keys(MESSAGES) as EventKind[] },
  { title: 'The queue', kinds: Object.keys(QUEUE) as EventKind[] },
  { title: 'Tool calls and decisions', kinds: Object.keys(TOOLS) as EventKind[] },
  { title: 'The thread', kinds: Object.keys(THREAD) as EventKind[] },
]
