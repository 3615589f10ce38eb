import { expect, test } from 'vitest'
import { EVENT_KINDS } from '../../src/events/schemas.ts'
import { toLogEvent } from '../../src/thread/envelope.ts'
import type { EventKind } from '../../src/thread/event.ts'
import { logProblems } from '../support/check-log.ts'
import { actionsOf, live } from './model/run.ts'

/** Of the lives that are played beside the naive model, these are read by the validator too: it takes longer than living them. */
const LIVES = 400
/** What only a fork has, and a run whose agent is gone; a story of their own has them (test/events/stories.ts). */
const NOT_PLAYED: readonly EventKind[] = ['ThreadForked', 'MailboxSubmitFailed']

test('the logs of random lives are in order, and come to every kind of event', { timeout: 120_000 }, () => {
  const kinds = new Set<EventKind>()
  for (let seed = 1; seed <= LIVES; seed++) {
    const { actions, nature } = actionsOf(seed)
    const { log } = live(actions, nature)
    for (const { kind } of log) kinds.add(kind)
    expect({ seed, wrong: logProblems(log.map((event) => toLogEvent('t1', event))) }).toEqual({ seed, wrong: [] })
  }
  expect(EVENT_KINDS.filter((kind) => !kinds.has(kind) && !NOT_PLAYED.includes(kind))).toEqual([])
})
