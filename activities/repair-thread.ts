import type { ThreadRef } from '../src/thread/ports.ts'
import type { Counts } from '../src/thread/repair/ports.ts'
import { added } from '../src/thread/repair/progress.ts'
import { repairOf } from '../src/thread/repair/repair.ts'
import type { Store } from '../src/store/store.ts'
import type { ActivityDeps } from './deps.ts'

/** A thread that goes on while it is mended is looked at so often; after that it is left to the next repair. */
const TRIES = 3

/**
 * Mends the rows of one thread and notes what is lost; says how many rows of each kind it has put in or set right.
 * Rows that are there stay as they are, so it may be done again at any time, beside a thread that runs.
 */
export async function repairThread(deps: Pick<ActivityDeps, 'store' | 'threads'>, ref: ThreadRef): Promise<Counts> {
  let mended: Counts = {}
  for (let tries = 0; tries < TRIES; tries++) {
    const done = await repairOnce(deps.store, ref, (await deps.threads?.snapshot(ref)) ?? null)
    mended = added(mended, done.mended)
    if (done.settled) break
  }
  return mended
}

type Snapshot = Parameters<typeof repairOf>[1]

async function repairOnce({ repair }: Store, ref: ThreadRef, live: Snapshot): Promise<{ mended: Counts; settled: boolean }> {
  const facts = await repair.facts(ref)
  if (facts === null) return { mended: {}, settled: true }
  const { mended, head, summary, dispatches, tickets, pending, lost } = repairOf(facts, live)
  const events = await repair.restoreEvents(ref, mended.events)
  const messages = await repair.restoreMessages(ref, mended.messages)
  const rows = await repair.restoreHead(ref, {
    seen_last_seq: facts.row_seq,
    seen_epoch: facts.epoch,
    last_seq: facts.last_seq,
    snapshot: head.snapshot,
    summary,
    runs: mended.runs,
    dispatches,
    tickets,
    pending,
  })
  if (rows !== null) await repair.noteLost(ref, lost)
  return { mended: { events, messages, ...rows }, settled: rows !== null }
}
