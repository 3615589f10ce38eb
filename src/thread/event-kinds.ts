import type { EventKind } from './event.ts'

/** Every kind of event, each once; a kind that is missing here does not compile. */
const KINDS: Record<EventKind, true> = {
  RunQueued: true,
  RunStarted: true,
  RunResumed: true,
  RunWaiting: true,
  RunInterrupted: true,
  RunRescheduled: true,
  RunErrored: true,
  RunFinished: true,
  MessageCommitted: true,
  ThreadMessagesCheckpointed: true,
  PendingDelivered: true,
  PendingUndelivered: true,
  PendingEdited: true,
  PendingRetracted: true,
  PendingReordered: true,
  PendingHeld: true,
  PendingReleased: true,
  QueueParked: true,
  QueueResumed: true,
  ToolCallReady: true,
  ToolCallDone: true,
  ToolCallCancelled: true,
  ToolPermissionRequested: true,
  ToolPermissionResolved: true,
  ToolPermissionExpired: true,
  InferenceCompleted: true,
  MailboxDecisionReceived: true,
  MailboxTimeout: true,
  MailboxSubmitFailed: true,
  MailboxResumeFailed: true,
  CommandRejected: true,
  ThreadUpdated: true,
}

export const EVENT_KINDS = Object.keys(KINDS) as readonly EventKind[]

export function isEventKind(name: string): name is EventKind {
  return Object.hasOwn(KINDS, name)
}
