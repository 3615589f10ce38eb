import type { Command, SubmitCommand } from '../../../src/thread/command.ts'
import type { Mailbox } from './mailbox.ts'
import type { Entry } from './select.ts'
import { refuses as refusesSubmit, submit, type Refusal, type Told } from './submit.ts'

/** What the model must be told of the core's world: revisions are the core's to count. */
export type Facts = {
  thread_id: string
  queue_revision: number
  /** Runs by the ids of their dispatches. */
  dispatches: Map<string, string>
}

type Guarded = Extract<Command, { type: 'edit_pending' | 'retract_pending' }>

/** The codes with which a command must be refused, or null if it must be accepted. `undefined`: the model has no opinion. */
export function refuses(box: Mailbox, command: Command, facts: Facts): Refusal | null | undefined {
  switch (command.type) {
    case 'submit':
      if (command.durable === true && box.queued.has(`durable-msg-${String(command.messages[0]?.id)}`)) return undefined
      if (command.messages.some(({ id }) => id !== undefined && box.places.has(id)))
        return ['message_id_conflict', 'idempotency_conflict', ...(refusesSubmit(box, command) ?? [])]
      return refusesSubmit(box, command)
    case 'interrupt':
      return box.open === null && box.queue.length === 0 ? ['nothing_to_interrupt'] : null
    case 'cancel':
      return targetOf(box, command.run_id, facts) === null ? ['run_not_found'] : null
    case 'edit_pending':
    case 'retract_pending':
      return guarded(box, command)
    case 'hold_pending':
    case 'release_pending':
      return entryOf(box, command.pending_id) === undefined ? goneCodes(box, command.pending_id) : null
    case 'reorder_pending': {
      const { expected_queue_revision: expected, pending_ids } = command
      const same = pending_ids.length === box.queue.length && new Set(pending_ids).size === pending_ids.length
      const permutation = same && pending_ids.every((id) => entryOf(box, id) !== undefined)
      const codes: string[] = []
      if (!permutation)
        codes.push('invalid_command', 'revision_conflict', 'pending_not_found', 'already_consumed', 'pending_gone')
      if (expected === undefined) codes.push('precondition_required')
      else if (expected !== facts.queue_revision) codes.push('revision_conflict')
      return codes.length === 0 ? null : codes
    }
    case 'decision': {
      const { tool_call_id, ticket_id } = command
      if (ticket_id !== undefined || command.decision_id !== undefined) return undefined
      if (box.live()?.calls.get(tool_call_id ?? '') === 'waiting') return undefined
      return ['ticket_not_found', 'already_decided']
    }
    case 'resume_queue':
    case 'wake':
      return null
  }
}

function guarded(box: Mailbox, command: Guarded): Refusal | null {
  const { pending_id, expected_revision } = command
  const codes = expected_revision === undefined ? ['precondition_required'] : []
  const entry = entryOf(box, pending_id)
  if (entry === undefined) return [...codes, ...goneCodes(box, pending_id)]
  if (expected_revision === undefined) return codes
  return entry.revision === expected_revision ? null : ['revision_conflict']
}

/** The thread remembers the last twenty that left; of the last ten it must know for certain. */
function goneCodes(box: Mailbox, pending_id: string): Refusal {
  const place = box.places.get(pending_id)
  if (place === undefined) return ['pending_not_found']
  const code = place === 'committed' ? 'already_consumed' : 'pending_gone'
  return box.gone.slice(-10).includes(pending_id) ? [code] : [code, 'pending_not_found']
}

export function entryOf(box: Mailbox, id: string): Entry | undefined {
  return box.queue.find((entry) => entry.id === id)
}

function targetOf(box: Mailbox, id: string | undefined, facts: Facts): string | null {
  const open = box.open?.run_id ?? null
  if (id === undefined || id === facts.thread_id) return open
  const run_id = facts.dispatches.get(id) ?? id
  return run_id === open || box.queued.has(run_id) ? run_id : null
}

/** What an accepted command does to the mailbox, before it is looked at again. */
export function apply(box: Mailbox, command: Command, facts: Facts, told: Told): void {
  switch (command.type) {
    case 'submit':
      // A repeat of a durable submit is answered as the first was.
      if (!told.message_ids.some((id) => box.places.has(id))) submit(box, command satisfies SubmitCommand, told)
      return
    case 'interrupt':
      if (command.queue === 'supersede') box.supersede()
      if (command.queue === 'park') box.parked = box.queue.length > 0
      box.stop()
      return
    case 'cancel': {
      const run_id = targetOf(box, command.run_id, facts)
      if (run_id === box.open?.run_id) box.stop()
      else for (const entry of box.queue.filter(({ run }) => run === run_id)) box.leave(entry, 'undelivered', 'cancelled')
      return
    }
    case 'retract_pending': {
      const entry = entryOf(box, command.pending_id)
      if (entry !== undefined) box.leave(entry, 'retracted', 'cancelled')
      return
    }
    case 'reorder_pending':
      box.queue = command.pending_ids.flatMap((id) => entryOf(box, id) ?? [])
      return
    case 'hold_pending':
    case 'release_pending': {
      const entry = entryOf(box, command.pending_id)
      if (entry !== undefined) entry.held = command.type === 'hold_pending' ? box.now + command.ttl_ms : null
      return
    }
    case 'resume_queue':
      box.parked = false
      return
    case 'edit_pending': {
      const entry = entryOf(box, command.pending_id)
      if (entry !== undefined) entry.revision += 1
      return
    }
    case 'decision':
    case 'wake':
  }
}
