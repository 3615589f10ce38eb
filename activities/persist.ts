import { expandBatch } from '../src/thread/batch.ts'
import type { Persisted } from '../src/store/store.ts'
import type { LogEvent } from '../src/thread/envelope.ts'
import type { PersistBatch, PersistResult, ThreadBatch } from '../src/thread/ports.ts'
import type { ActivityDeps } from './deps.ts'

/** Stores a batch in one transaction, then tells the live bus of its events. Throws StoreUnavailable. */
export async function persist(deps: ActivityDeps, batch: ThreadBatch): Promise<PersistResult> {
  const expanded = expandBatch(batch)
  return told(deps, batch, expanded, await deps.store.engine.persist(expanded))
}

/** The same for the first batch of a thread that is not there yet; null, and nothing is written, if it is. */
export async function persistFirst(
  deps: Telling & Pick<ActivityDeps, 'store'>,
  batch: ThreadBatch,
): Promise<PersistResult | null> {
  const expanded = expandBatch(batch)
  const stored = await deps.store.engine.begin(expanded)
  return stored === null ? null : told(deps, batch, expanded, stored)
}

type Telling = Pick<ActivityDeps, 'bus' | 'observe' | 'on_gap'>

function told(
  { bus, observe, on_gap }: Telling,
  batch: ThreadBatch,
  expanded: PersistBatch,
  { events, ...result }: Persisted,
): PersistResult {
  if (result.status === 'stored' && batch.events.length > 0) {
    const frame = { type: 'events' as const, thread_id: batch.thread_id, last_seq: result.last_seq }
    bus.publish(batch.tenant, events === undefined ? frame : { ...frame, events, commands: beginners(events, batch) })
    if (events !== undefined)
      observe?.(events, { tenant: batch.tenant, ended: expanded.runs.filter(({ record }) => record.status === 'done'), batch })
  }
  if (result.status === 'gap') on_gap?.(batch.tenant)
  return result
}

/** A caller whose stream waits for its run would have to ask the store for these. */
function beginners(events: readonly LogEvent[], { ledger }: ThreadBatch): ReadonlyMap<string, string> {
  const began = new Set(events.map(({ kind, causation_id }) => (kind === 'RunStarted' ? causation_id : null)))
  return new Map(ledger.flatMap(({ command_id, body_hash }) => (began.has(command_id) ? [[command_id, body_hash]] : [])))
}
