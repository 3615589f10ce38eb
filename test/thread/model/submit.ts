import type { SubmitCommand } from '../../../src/thread/command.ts'
import { overridesText, type Mailbox, type OpenRun } from './mailbox.ts'
import { resumable, walk, type Entry, type Wanted } from './select.ts'

/** The codes with which a command must be refused; several where more than one thing is wrong with it. */
export type Refusal = string[]
/** What an accepted submit was told: the ids are the core's to choose. */
export type Told = { run_id: string; message_ids: string[]; runs: Map<string, string | null> }

type Plan = { wanted: Wanted; stops: boolean; mustRead: boolean }

/** Why a submit must be refused, or null. Changes nothing. */
export function refuses(box: Mailbox, command: SubmitCommand): Refusal | null {
  const plan = planOf(box, command)
  if ('refuse' in plan) return plan.refuse
  return plan.mustRead && !couldBeRead(box, command, plan.wanted) ? ['delivery_blocked'] : null
}

/** What an accepted submit does to the queue; whether it is read at once is seen when the step is over. */
export function submit(box: Mailbox, command: SubmitCommand, told: Told): void {
  const plan = planOf(box, command)
  if ('refuse' in plan) throw new Error(`accepted, and should be refused as ${plan.refuse.join(' or ')}`)
  if (plan.mustRead && !couldBeRead(box, command, plan.wanted))
    throw new Error('accepted, and should be refused as delivery_blocked')
  if (command.mode !== 'live_then_queue') box.parked = false
  const foreground = command.mode === 'foreground' && plan.wanted.boundary === 'interrupt'
  const replaces = foreground || command.mode === 'interrupt_then_queue'
  if (replaces && command.queue === 'supersede') box.supersede()
  if (replaces && command.queue === 'park' && box.queue.length > 0) box.parked = true
  const { one, barrier, target } = plan.wanted
  const runs = new Set<string>()
  for (const id of told.message_ids) {
    // Which run a message has is the core's to say; but where no freeze can take two together, no two have the same.
    const run = told.runs.get(id) ?? told.run_id
    if (target === null && (one || barrier) && runs.has(run))
      throw new Error(`two messages that are read apart have the run ${run}`)
    runs.add(run)
    box.add(entryOf(box, command, plan.wanted, id, run))
  }
  if (plan.stops) box.stop()
}

function planOf(box: Mailbox, command: SubmitCommand): Plan | { refuse: Refusal } {
  const { mode, delivery } = command
  const live = box.live()
  if (delivery !== undefined) {
    if (mode === 'foreground') return { refuse: ['invalid_command'] }
    return explicit(box, command, live)
  }
  const plan = (boundary: Wanted['boundary'], more: Partial<Wanted> = {}): Plan => ({
    wanted: { boundary, one: false, barrier: false, target: null, fallback: true, ...more },
    stops: false,
    mustRead: false,
  })
  const alone = command.durable === true || mode === 'internal_wake'
  if (mode === 'resume_open_run' && live === null) return { refuse: ['run_not_found'] }
  if (live !== null && box.waiting() && !alone && mode !== 'interrupt_then_queue') {
    if (conflicts(command, live)) return { refuse: ['agent_conflict'] }
    return { ...plan('resume_input', { target: live.run_id }), mustRead: mode === 'foreground' }
  }
  if (mode === 'foreground') return { ...plan('interrupt'), stops: box.open !== null, mustRead: true }
  if (mode === 'interrupt_then_queue' && (box.open !== null || (command.queue ?? 'keep') !== 'keep'))
    return { ...plan('interrupt'), stops: box.open !== null, mustRead: command.queue === 'park' }
  if ((mode === 'live_then_queue' || mode === 'resume_open_run') && live !== null) {
    if (conflicts(command, live)) return { refuse: ['agent_conflict'] }
    return plan('next_step', { target: live.run_id, fallback: mode === 'resume_open_run' })
  }
  return plan('new_run', { one: command.durable === true })
}

function explicit(box: Mailbox, command: SubmitCommand, live: OpenRun | null): Plan | { refuse: Refusal } {
  const { boundary, granularity, barrier, target_run_id, fallback_to_new_run } = command.delivery as NonNullable<
    SubmitCommand['delivery']
  >
  const meant = target_run_id ?? (boundary === 'resume_input' ? (live?.run_id ?? 'none') : null)
  const wanted: Wanted = { boundary, one: granularity === 'one', barrier, target: meant, fallback: fallback_to_new_run }
  const stops = command.mode === 'interrupt_then_queue' && box.open !== null
  const mustRead = command.mode === 'interrupt_then_queue' && command.queue === 'park'
  if (meant === null) return { wanted, stops, mustRead }
  if (live !== null && meant === live.run_id) {
    return conflicts(command, live) ? { refuse: ['agent_conflict'] } : { wanted, stops, mustRead: false }
  }
  if (!fallback_to_new_run) return { refuse: ['run_not_found'] }
  return { wanted: { ...wanted, boundary: 'new_run', target: null }, stops, mustRead }
}

/** Asks for an agent or for overrides that are not the open run's. */
export function conflicts(command: SubmitCommand, run: OpenRun): boolean {
  const overrides = overridesText(command.overrides)
  return (command.agent_id !== undefined && command.agent_id !== run.agent) || (overrides !== null && overrides !== run.overrides)
}

function entryOf(box: Mailbox, command: SubmitCommand, wanted: Wanted, id: string, run_id: string): Entry {
  const agent = command.agent_id ?? box.latestAgent ?? 'default'
  const run = wanted.target === null ? run_id : null
  return { id, wanted, agent, overrides: overridesText(command.overrides), run, held: null, revision: 1 }
}

/** Whether all of a foreground submit would be taken, with the queue as it will be once the open run is gone. */
function couldBeRead(box: Mailbox, command: SubmitCommand, wanted: Wanted): boolean {
  const reader = wanted.boundary === 'resume_input' ? box.open : null
  let queue = box.queue.map((entry) => ({ ...entry }))
  if (reader === null) {
    if (command.queue === 'supersede') queue = []
    queue = queue.flatMap((entry) => {
      if (entry.wanted.target === null) return [entry]
      return entry.wanted.fallback ? [{ ...entry, wanted: { ...entry.wanted, boundary: 'new_run' as const, target: null } }] : []
    })
  }
  const mine = command.messages.map((_message, index) => entryOf(box, command, wanted, `new-${String(index)}`, 'new'))
  const all = [...queue, ...mine]
  const taken = reader === null ? walk(all, wanted.boundary, null, box.now).taken : resumable(all, reader, box.now)
  // Messages that are read apart follow one another; the first must be next.
  const must = wanted.one || wanted.barrier ? mine.slice(0, 1) : mine
  return must.every((entry) => taken.includes(entry))
}
