import type { LogEvent } from '../../../src/thread/envelope.ts'

/**
 * A thread's log as lines that can be told beforehand: whose run, what happened, and what matters of it. Runs are r1,
 * r2 … in the order in which they appear, tool calls c1, c2 …, and messages that brought no id of their own m1, m2 …;
 * times are left out.
 */
export function storyLog(log: LogEvent[], given: ReadonlySet<string>): string[] {
  const [runs, calls, messages] = [labels('r'), labels('c'), labels('m')]
  const names: Names = {
    run: runs,
    call: calls,
    message: (id) => (given.has(id) ? id : messages(id)),
  }
  return log.map((event) => {
    const said = (SAYS[event.kind] ?? nothing)(event.payload, names)
    const subject = event.run_id === null ? '--' : runs(event.run_id)
    return said.reduce((line, part) => line + (part.startsWith(':') ? part : ` ${part}`), `${subject} ${event.kind}`)
  })
}

type Names = Record<'run' | 'call' | 'message', (id: string) => string>
type Says = (payload: any, names: Names) => string[]

const nothing: Says = () => []
const ofEntry: Says = ({ pending_id }, { message }) => [message(pending_id)]
const ofEnd: Says = ({ termination: { type, value }, final_output }, { run }) => [
  type,
  ...(type === 'coalesced' ? [`into ${run(value)}`] : []),
  ...(final_output == null ? [] : [`: ${inOneLine(final_output)}`]),
]

/** What is compared of each kind beside its run; kinds that are not here have nothing more to say. */
const SAYS: Partial<Record<LogEvent['kind'], Says>> = {
  RunResumed: ({ reason }) => [`by ${reason}`],
  RunInterrupted: ({ reason }) => [reason],
  RunWaiting: ({ tickets }, { call }) => [
    'for',
    tickets.map(({ tool_call_id }: { tool_call_id: string }) => call(tool_call_id)).join(', '),
  ],
  RunErrored: ({ code, error }) => [code, error],
  RunFinished: ofEnd,
  MessageCommitted: (payload, names) => [
    `#${String(payload.message_seq)}`,
    names.message(payload.message_id),
    payload.role,
    payload.step === null ? `read in step ${String(payload.read_by_step)}` : `of step ${String(payload.step)}`,
    ...(payload.interrupted === true ? ['interrupted'] : []),
    `: ${payload.content_blocks.map((block: any) => blockText(block, names)).join(' + ')}`,
  ],
  ThreadMessagesCheckpointed: ({ message_ids }, { message }) => [message_ids.map(message).join(', ')],
  PendingDelivered: ({ pending_id, content, delivery }, { message, run }) => [
    message(pending_id),
    delivery.boundary,
    ...(delivery.barrier ? ['barrier'] : []),
    ...(delivery.target_run_id === undefined ? [] : [`for ${run(delivery.target_run_id)}`]),
    `: ${inOneLine(content)}`,
  ],
  PendingEdited: ({ pending_id, revision, reason, content, delivery }, { message }) => [
    message(pending_id),
    `to revision ${String(revision)}`,
    reason,
    ...(content === undefined ? [] : [`: ${inOneLine(content)}`]),
    ...(delivery === undefined ? [] : [delivery.boundary]),
  ],
  PendingRetracted: ofEntry,
  PendingReordered: ({ pending_ids }, { message }) => [pending_ids.map(message).join(', ')],
  PendingHeld: ofEntry,
  PendingReleased: ({ pending_id, reason }, { message }) => [message(pending_id), reason],
  PendingUndelivered: ({ pending_id, reason }, { message }) => [message(pending_id), `: ${reason}`],
  QueueParked: ({ pending_count }) => [`with ${String(pending_count)}`],
  QueueResumed: ({ pending_count }) => [`with ${String(pending_count)}`],
  ToolCallReady: ({ step, tool_call_id, tool_name, arguments: args }, { call }) => [
    `${call(tool_call_id)} in step ${String(step)}: ${tool_name} ${JSON.stringify(args)}`,
  ],
  ToolCallDone: ({ tool_call_id, outcome, result }, { call }) => [
    call(tool_call_id),
    outcome,
    `: ${JSON.stringify(result.data)}`,
  ],
  ToolCallCancelled: ({ tool_call_id, reason }, { call }) => [call(tool_call_id), `: ${reason}`],
  ToolPermissionRequested: ({ ticket }, { call }) => [call(ticket.tool_call_id)],
  ToolPermissionResolved: ({ tool_call_id, approved, reason }, { call }) => [
    call(tool_call_id),
    approved ? 'approved' : 'denied',
    ...(reason === null ? [] : [`: ${reason}`]),
  ],
  MailboxDecisionReceived: ({ tool_call_id, action }, { call }) => [call(tool_call_id), action],
  InferenceCompleted: ({ step, attempt }) => [
    `of step ${String(step)}`,
    ...(attempt === 1 ? [] : [`attempt ${String(attempt)}`]),
  ],
  CommandRejected: ({ command, code, message }) => [command, code, `: ${message}`],
}

function blockText(block: any, { call }: Names): string {
  if (block.type === 'text') return inOneLine(block.text)
  if (block.type === 'tool_call') return `calls ${call(block.tool_call_id)}`
  if (block.type === 'tool_result') return `${block.status} of ${call(block.tool_call_id)}`
  return JSON.stringify(block)
}

/** So that a message of several lines is one line of the story. */
function inOneLine(content: unknown): string {
  return (typeof content === 'string' ? content : JSON.stringify(content)).trimEnd().split('\n').join(' | ')
}

function labels(letter: string): (id: string) => string {
  const known = new Map<string, string>()
  return (id) => {
    const label = known.get(id) ?? `${letter}${String(known.size + 1)}`
    known.set(id, label)
    return label
  }
}
