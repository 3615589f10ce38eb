import { toLogEvent } from '../../../src/thread/envelope.ts'
import { evolve } from '../../../src/thread/evolve.ts'
import type { ThreadEvent } from '../../../src/thread/event.ts'
import { emptyThread, toSnapshot } from '../../../src/thread/state-init.ts'
import { logProblems } from '../../support/check-log.ts'
import { isDeepStrictEqual } from 'node:util'
import type { Simulation } from './simulation.ts'

/** What must be true of a life once it has come to rest; in words what is not. */
export function problems(life: Simulation): string[] {
  const { store, sent } = life
  const { events } = store
  return [
    ...logProblems(events.map((event) => toLogEvent('t1', event))),
    ...(life.atRest() ? [] : ['it never comes to rest']),
    ...(life.server.execution?.open === false || sent.length === 0 ? [] : ['it never closes']),
    ...folded(life),
    ...answers(life),
    ...places(events, life),
  ]
}

/** What the store keeps is the fold of its log. */
function folded({ store }: Simulation): string[] {
  if (store.snapshot === null) return store.events.length === 0 ? [] : ['there is a log and no snapshot']
  const fold = copy(toSnapshot(store.events.reduce(evolve, emptyThread('default', 't1', store.settings))))
  const kept = copy(store.snapshot)
  return isDeepStrictEqual(fold, kept) ? [] : [`the snapshot is ${JSON.stringify(kept)}, the log’s fold ${JSON.stringify(fold)}`]
}

/** A command has one answer, however often it was sent; what was accepted is stored. */
function answers({ sent, store }: Simulation): string[] {
  return sent.flatMap(({ command_id, answers: all }) => {
    const accepted = all.flatMap((answer) => (answer.ok ? [answer] : []))
    const found: string[] = []
    if (new Set(accepted.map(({ outcome }) => JSON.stringify(outcome))).size > 1)
      found.push(`${String(command_id)} has more than one answer: ${JSON.stringify(accepted)}`)
    // After a conflict the same command stands under other numbers than its sender was told.
    for (const { event_seq } of accepted)
      if (store.conflicts === 0 && event_seq > store.last_seq)
        found.push(`${String(command_id)} was answered at event ${String(event_seq)}, which is not there`)
    return found
  })
}

/** Every message of an accepted submit is in exactly one place, and none was delivered twice. */
function places(events: readonly ThreadEvent[], { sent }: Simulation): string[] {
  const found: string[] = []
  const count = (ids: string[], id: string): number => ids.filter((one) => one === id).length
  const delivered = events.flatMap((event) => (event.kind === 'PendingDelivered' ? [event.payload.pending_id] : []))
  const committed = events.flatMap((event) => (event.kind === 'MessageCommitted' ? [event.payload.message_id] : []))
  const gone = events.flatMap((event) =>
    event.kind === 'PendingUndelivered' || event.kind === 'PendingRetracted' ? [event.payload.pending_id] : [],
  )
  for (const { type, answers: all } of sent) {
    const first = all.find((answer) => answer.ok)
    if (type !== 'submit' || first?.ok !== true) continue
    for (const id of (first.outcome['message_ids'] ?? []) as string[]) {
      const ends = count(committed, id) + count(gone, id)
      if (ends !== 1 || count(delivered, id) > 1)
        found.push(`message ${id}: delivered ${String(count(delivered, id))}, ended ${String(ends)} times`)
    }
  }
  const said = events.flatMap((event) =>
    (event.kind === 'PendingDelivered' || event.kind === 'MessageCommitted') && event.payload.role === 'user'
      ? typeof event.payload.content === 'string' && event.payload.content.startsWith('say ')
        ? [`${event.kind} ${event.payload.content}`]
        : []
      : [],
  )
  const twice = said.filter((text, index) => said.indexOf(text) !== index)
  return [...found, ...twice.map((text) => `twice: ${text}`)]
}

function copy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}
