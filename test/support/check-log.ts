import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { EVENT_SCHEMAS, type PublicEvent } from '../../src/events/schemas.ts'
import { presentEvent } from '../../src/http/present.ts'
import type { LogEvent } from '../../src/thread/envelope.ts'
import { callRules } from './log-calls.ts'
import { messageRules } from './log-messages.ts'
import { queueRules } from './log-queue.ts'
import { runRules } from './log-runs.ts'
import { at } from './log-story.ts'

/**
 * What is true of every thread's log, whatever happened: every event is as its schema says, none is missing, causes
 * stand before effects, every message is committed once and covered by one checkpoint, every tool call has one result,
 * every run one end. Takes a whole log, from the store or from HTTP.
 */
export function checkLog(log: readonly LogEvent[]): void {
  expect(logProblems(log)).toEqual([])
}

/** What is wrong with a log, in words; empty for a good one. */
export function logProblems(log: readonly LogEvent[]): string[] {
  const shown = log.map(asShown)
  const wrong = shown.flatMap(schemaProblems)
  // The rules read fields; where these are not there they would only say so in worse words.
  if (wrong.length > 0) return wrong
  return [numberRules, messageRules, queueRules, runRules, callRules].flatMap((rule) => rule(shown))
}

function asShown(event: LogEvent): PublicEvent {
  const shown = typeof event.occurred_at === 'number' ? presentEvent(event, `thread:${event.thread_id}`) : event
  return shown as unknown as PublicEvent
}

function schemaProblems(event: PublicEvent): string[] {
  if (!Object.hasOwn(EVENT_SCHEMAS, event.kind)) return [`${at(event)}: there is no such kind`]
  const { success, data, error } = EVENT_SCHEMAS[event.kind].safeParse(event)
  if (!success) return error.issues.map(({ path, message }) => `${at(event)}: ${path.map(String).join('.')} ${message}`)
  // A schema lets fields pass that it does not know, and leaves them out.
  return isDeepStrictEqual(data, event) ? [] : [`${at(event)}: it has fields that its schema does not know`]
}

function numberRules(log: readonly PublicEvent[]): string[] {
  const keys = new Set<string>()
  return log.flatMap((event, index) => {
    const found: string[] = []
    if (event.event_seq !== index + 1) found.push(`${at(event)}: it stands at place ${String(index + 1)}`)
    if (event.thread_id !== log[0]?.thread_id) found.push(`${at(event)}: it is another thread’s`)
    if ('lost' in event.payload) found.push(`${at(event)}: a value is missing: ${String(event.payload.lost)}`)
    if (keys.has(event.idempotency_key)) found.push(`${at(event)}: its idempotency key is not unique`)
    keys.add(event.idempotency_key)
    return found
  })
}
