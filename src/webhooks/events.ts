import type { EventKind } from '../thread/event.ts'

/** What a webhook can be told of, and the kind of event behind it. The store's trigger has the same list of kinds. */
export const WEBHOOK_EVENTS = {
  'run.finished': 'RunFinished',
  'run.errored': 'RunErrored',
  'run.waiting': 'RunWaiting',
  'queue.parked': 'QueueParked',
} as const satisfies Record<string, EventKind>
export type WebhookEvent = keyof typeof WEBHOOK_EVENTS
export const WEBHOOK_EVENT_NAMES = Object.keys(WEBHOOK_EVENTS) as [WebhookEvent, ...WebhookEvent[]]

export function kindsOf(events: readonly WebhookEvent[]): EventKind[] {
  return [...new Set(events.map((event) => WEBHOOK_EVENTS[event]))]
}

export function eventsOf(kinds: readonly EventKind[]): WebhookEvent[] {
  return WEBHOOK_EVENT_NAMES.filter((name) => kinds.includes(WEBHOOK_EVENTS[name]))
}
