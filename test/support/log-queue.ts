import { findings, type Rule } from './log-story.ts'

/** A pending message is there from its delivery until it leaves, once, and nothing is said of it before or after. */
export const queueRules: Rule = (log) => {
  const { found, check } = findings()
  const queue = new Set<string>()
  const held = new Set<string>()
  const revisions = new Map<string, number>()
  let parked = false
  for (const event of log) {
    switch (event.kind) {
      case 'PendingDelivered': {
        const { pending_id } = event.payload
        check(event, !queue.has(pending_id), 'it is in the queue already')
        queue.add(pending_id)
        revisions.set(pending_id, 1)
        break
      }
      case 'PendingEdited':
      case 'PendingHeld':
      case 'PendingReleased':
      case 'PendingRetracted':
      case 'PendingUndelivered': {
        const { pending_id } = event.payload
        check(event, queue.has(pending_id), 'it is not in the queue')
        if (event.kind === 'PendingEdited') {
          const before = revisions.get(pending_id) ?? 0
          const { revision, reason } = event.payload
          check(event, revision === before + (reason === 'edited' ? 1 : 0), `its revision was ${String(before)}`)
          revisions.set(pending_id, revision)
        }
        if (event.kind === 'PendingHeld') held.add(pending_id)
        if (event.kind === 'PendingReleased') check(event, held.delete(pending_id), 'nobody held it')
        if (event.kind === 'PendingRetracted' || event.kind === 'PendingUndelivered') queue.delete(pending_id)
        break
      }
      case 'MessageCommitted': {
        const { message_id } = event.payload
        check(event, !held.has(message_id) || !queue.has(message_id), 'it was held back')
        queue.delete(message_id)
        break
      }
      case 'PendingReordered': {
        const { pending_ids } = event.payload
        check(event, pending_ids.length === queue.size && pending_ids.every((id) => queue.has(id)), 'it is not the queue')
        break
      }
      case 'QueueParked':
      case 'QueueResumed': {
        const now = event.kind === 'QueueParked'
        check(event, parked !== now, `the queue was ${parked ? 'parked' : 'not parked'}`)
        // What the run that parks the queue is about to read is still in it, and does not wait.
        const { pending_count: count } = event.payload
        const fits = now ? count >= 1 && count <= queue.size : count === queue.size
        check(event, fits, `the queue has ${String(queue.size)}`)
        parked = now
        break
      }
      default:
    }
    // Only a queue that holds something can be parked.
    if (queue.size === 0) parked = false
  }
  return found
}
