import type { PublicEvent } from '../../src/events/schemas.ts'
import { findings, sameList, type Rule } from './log-story.ts'

type Call = { ready: boolean; ticket: string | null; message_id: string | null; committed: boolean; decided: string | null }

/**
 * A tool call is asked for by an answer, may wait for a decision, and has one result, whose message is committed; no
 * model is asked and no run ends before. A ticket is open from its request until it is decided, expires or is closed.
 */
export const callRules: Rule = (log) => {
  const { found, check } = findings()
  const calls = new Map<string, Map<string, Call>>()
  for (const event of log) {
    if (event.run_id === null) continue
    const own = calls.get(event.run_id) ?? new Map<string, Call>()
    calls.set(event.run_id, own)
    const open = [...own].filter(([, call]) => call.message_id === null).map(([id]) => id)
    const uncommitted = [...own].filter(([, call]) => call.message_id !== null && !call.committed).map(([id]) => id)
    switch (event.kind) {
      case 'InferenceCompleted':
      case 'RunFinished':
      case 'RunErrored':
        check(event, open.length === 0, `a call without a result: ${open.join(', ')}`)
        check(event, uncommitted.length === 0, `a result that is no message: ${uncommitted.join(', ')}`)
        break
      case 'RunWaiting': {
        const waiting = open.flatMap((id) => own.get(id)?.ticket ?? [])
        const shown = event.payload.tickets.map(({ ticket_id }) => ticket_id)
        check(event, sameList([...shown].sort(), waiting.sort()), 'its tickets are not those that are open')
        check(event, waiting.length === open.length, 'a call still runs')
        break
      }
      case 'MessageCommitted':
        if (event.payload.role === 'tool') committed(event, own, check)
        break
      default:
        one(event, own, check)
    }
  }
  return found
}

type Check = (event: PublicEvent, holds: boolean, what: string) => void

function committed(event: Extract<PublicEvent, { kind: 'MessageCommitted' }>, own: Map<string, Call>, check: Check): void {
  const [id, call] = [...own].find(([, known]) => known.message_id === event.payload.message_id) ?? []
  check(event, call !== undefined, 'a result before its ToolCallDone')
  if (call === undefined) return
  check(event, !call.committed, 'the result is committed again')
  const [part] = event.payload.content_blocks
  check(event, part?.type === 'tool_result' && part.tool_call_id === id, 'it holds another call’s result')
  call.committed = true
}

/** Events that name one call. */
function one(event: PublicEvent, own: Map<string, Call>, check: Check): void {
  if (event.kind === 'ToolCallReady') {
    const { tool_call_id } = event.payload
    check(event, !own.has(tool_call_id), 'the call was there already')
    own.set(tool_call_id, { ready: true, ticket: null, message_id: null, committed: false, decided: null })
    return
  }
  const id = callOf(event)
  if (id === undefined) return
  const call = own.get(id)
  check(event, call !== undefined, 'before its ToolCallReady')
  if (call === undefined) return
  check(event, call.message_id === null, 'after its result')
  switch (event.kind) {
    case 'ToolPermissionRequested':
      check(event, call.ticket === null, 'its ticket is open already')
      call.ticket = event.payload.ticket.ticket_id
      break
    case 'MailboxDecisionReceived':
      check(event, call.ticket === event.payload.ticket_id, 'its ticket is not open')
      call.decided = event.payload.decision_id
      break
    case 'ToolPermissionResolved':
      check(event, call.decided === event.payload.decision_id, 'before its MailboxDecisionReceived')
      check(event, call.ticket === event.payload.ticket_id, 'its ticket is not open')
      call.ticket = null
      break
    case 'ToolPermissionExpired':
      check(event, call.ticket === event.payload.ticket_id, 'its ticket is not open')
      call.ticket = null
      break
    case 'ToolCallDone':
      check(event, call.ticket === null, 'its ticket is open')
      call.message_id = event.payload.message_id
      break
    case 'ToolCallCancelled':
      call.message_id = event.payload.message_id
      break
    default:
  }
}

function callOf(event: PublicEvent): string | undefined {
  switch (event.kind) {
    case 'ToolPermissionRequested':
      return event.payload.ticket.tool_call_id
    case 'ToolPermissionResolved':
    case 'ToolPermissionExpired':
    case 'ToolCallDone':
    case 'ToolCallCancelled':
    case 'MailboxDecisionReceived':
    case 'MailboxResumeFailed':
    case 'RunRescheduled':
      return event.payload.tool_call_id
    default:
      return undefined
  }
}
