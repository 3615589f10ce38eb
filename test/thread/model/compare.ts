import type { ThreadEvent } from '../../../src/thread/event.ts'
import type { ThreadState } from '../../../src/thread/state.ts'
import { endOf } from './effects.ts'
import { UNKNOWN, type End, type Mailbox } from './mailbox.ts'

/** What the core shows of its mailbox against what the model expects. Throws what differs first. */
export function compare(
  box: Mailbox,
  core: ThreadState,
  events: ThreadEvent[],
  before: { open: string | null; runs: Set<string> },
): void {
  bindNewRun(box, core, before.runs)
  commits(box, core, events)
  same('the open run', core.active_run_id, box.open?.run_id ?? null)
  queue(box, core)
  same('parked', core.parked, box.parked)
  runs(box, core, events, before.open)
}

/** Messages that are left without a run of their own get a new one, whose id only the core can give. */
function bindNewRun(box: Mailbox, core: ThreadState, known: Set<string>): void {
  if (box.open === null || box.open.run_id !== UNKNOWN) return
  const run_id = core.active_run_id
  if (run_id === null || known.has(run_id)) throw new Error(`a new run should be open, not ${String(run_id)}`)
  box.open.run_id = run_id
  for (const commit of box.expected.commits) if (commit.run === UNKNOWN) commit.run = run_id
}

function commits(box: Mailbox, core: ThreadState, events: ThreadEvent[]): void {
  const shown: string[] = []
  for (const event of events) {
    if (event.kind !== 'MessageCommitted' || !box.places.has(event.payload.message_id)) continue
    const { message_id, read_by_step } = event.payload
    shown.push(`${message_id} by ${String(event.run_id)}`)
    const run = event.run_id === core.active_run_id && event.run_id !== null ? core.runs[event.run_id] : undefined
    if (run === undefined) throw new Error(`${message_id} was committed for ${String(event.run_id)}, which is not open`)
    same(`the step that reads ${message_id}`, read_by_step, run.step)
  }
  same('what the freezes took', shown.join(), box.expected.commits.map(({ id, run }) => `${id} by ${String(run)}`).join())
  if (box.open === null) return
  const record = core.runs[box.open.run_id]?.record
  if (record === undefined) return
  const from = box.open.input
  same('the input of the run', record.input.trigger_message_ids.length, from.length)
  if (from.length > 0) same('the last input of the run', record.input.trigger_message_ids.at(-1), from.at(-1))
  same('the agent of the run', record.agent_id, box.open.agent)
  same('the overrides of the run', record.overrides === null ? null : JSON.stringify(record.overrides), box.open.overrides)
  same('whether the run is stopping', core.runs[box.open.run_id]?.stopping !== null, box.open.stopping)
  same('whether the run waits', record.status === 'waiting', box.waiting())
}

function queue(box: Mailbox, core: ThreadState): void {
  same('the length of the queue', core.queue.length, box.queue.length)
  for (const [index, entry] of core.queue.entries()) {
    const mine = box.queue[index]
    if (mine === undefined) continue
    const { pending_id, delivery, agent_id, held_until } = entry
    same(`entry ${String(index)} of the queue`, pending_id, mine.id)
    const { boundary, one, barrier, target, fallback } = mine.wanted
    const same5 =
      delivery.boundary === boundary &&
      (delivery.granularity === 'one') === one &&
      delivery.barrier === barrier &&
      (delivery.target_run_id ?? null) === target &&
      delivery.fallback_to_new_run === fallback
    if (!same5)
      throw new Error(`delivery of ${pending_id}: core ${JSON.stringify(delivery)}, model ${JSON.stringify(mine.wanted)}`)
    same(`agent of ${pending_id}`, agent_id, mine.agent)
    same(`revision of ${pending_id}`, entry.revision, mine.revision)
    const until = held_until !== undefined && held_until > box.now ? held_until : null
    same(`hold of ${pending_id}`, until, mine.held !== null && mine.held > box.now ? mine.held : null)
  }
}

function runs(box: Mailbox, core: ThreadState, events: ThreadEvent[], openBefore: string | null): void {
  let queued = 0
  for (const run of Object.values(core.runs)) {
    const { run_id, status } = run.record
    if (status === 'created') {
      queued += 1
      if (!box.queued.has(run_id)) throw new Error(`${run_id} is queued, and should not be`)
    } else same('at most one open run', run_id, core.active_run_id)
  }
  same('the number of queued runs', queued, box.queued.size)
  for (const [run_id, how] of box.expected.ends) {
    const end = endOf(events, run_id)
    if (end === null || !how.has(end as End))
      throw new Error(`${run_id} ended ${String(end)}, should have ended ${[...how].join(' or ')}`)
  }
  for (const event of events) {
    if (event.kind !== 'RunFinished' && event.kind !== 'RunErrored') continue
    if (event.run_id !== openBefore && !box.expected.ends.has(event.run_id ?? ''))
      throw new Error(`${String(event.run_id)} ended ${event.payload.termination.type} without a reason`)
  }
}

export function same(what: string, core: unknown, model: unknown): void {
  if (core !== model) throw new Error(`${what}: core ${String(core)}, model ${String(model)}`)
}
